-- register: give a worker the number that its fences carry.
--
-- KEYS[1]  workers    hash   worker number -> seen_ms id record; next -> counter
-- ARGV[1]  id         of the worker, without a space
-- ARGV[2]  record     JSON for people
--
-- Returns the number, or -1 where all 2,048 are taken by live or recent
-- workers.  Numbers go round, so that one is free for as long as can be before
-- it is used again.

--@include now
--@include numbers

local workers = KEYS[1]
local start = whole(redis.call('HGET', workers, 'next')) or 0

for i = 0, 2047 do
  local number = (start + i) % 2048
  if redis.call('HEXISTS', workers, number) == 0 then
    redis.call('HDEL', workers, number) -- memory full refuses HSET, but not after a first write
    redis.call('HSET', workers, number, string.format('%.0f %s %s', now, ARGV[1], ARGV[2]), 'next', number + 1)
    return number
  end
end
return -1
