-- wake: leave a marker where jobs wait, which wakes one idle worker of that handler.
local function wake_next(first)
  for i = first, #KEYS, 2 do
    if redis.call('LLEN', KEYS[i]) > 0 then redis.call('ZADD', KEYS[i + 1], 0, '1') end
  end
end

-- a marker that woke a paused worker may be for one that is not paused
local function pass_on(first, clock, reply)
  redis.call('HDEL', clock, '') -- memory full refuses ZADD, but not after a first write
  wake_next(first)
  return reply
end
