-- alone: suspects, which run by themselves.  They wait in a list of their own, so that innocent
-- jobs pass them; of the busy workers one at a time has the turn to empty itself for the next.
local function first_suspect(alone, first)
  if redis.call('LLEN', alone) == 0 then return end
  local mine = {}
  for i = first, #KEYS, 2 do mine[string.match(KEYS[i], '}:ready:(.*)$')] = true end
  for start = 0, 4900, 100 do -- the first are passed over where no worker knows their handler
    local entries = redis.call('LRANGE', alone, start, start + 99)
    for _, entry in ipairs(entries) do
      local id, handler = string.match(entry, '^%d+:(%x+) (%S+)$')
      if id and mine[handler] then return id, entry end
    end
    if #entries < 100 then return end
  end
end

local function has_turn(clock, fence, now, lease)
  local worker = math.floor(fence / 256)
  local holder, till = string.match(redis.call('HGET', clock, 'turn') or '', '^(%d+) (%d+)$')
  local left = holder and tonumber(till) - now or 0 -- above a lease: the clock was set back
  if left > 0 and left <= tonumber(lease) and tonumber(holder) ~= worker then return false end
  redis.call('HDEL', clock, 'turn') -- memory full refuses HSET, but not after a first write
  redis.call('HSET', clock, 'turn', string.format('%.0f %.0f', worker, now + lease))
  return true
end
