-- deregister: take the record of a worker that has left in order.
--
-- KEYS[1]  workers    hash   worker number -> seen_ms id record
-- KEYS[2…] ready, wake  list, zset  a pair for each handler the worker had
-- ARGV[1]  number     of the worker
-- ARGV[2]  id         of the worker
--
-- Returns 1, or 0 where the record is not this worker's.  A marker that the
-- worker took last is put back where jobs wait.

local record = redis.call('HGET', KEYS[1], ARGV[1])
local is_ours = record and string.match(record, '^%d+ (%S+)') == ARGV[2]

for i = 2, #KEYS, 2 do
  redis.call('LLEN', KEYS[i])
  redis.call('ZCARD', KEYS[i + 1])
end
redis.call('HDEL', KEYS[1], is_ours and ARGV[1] or '') -- memory full refuses ZADD, but not after a first write
for i = 2, #KEYS, 2 do
  if redis.call('LLEN', KEYS[i]) > 0 then redis.call('ZADD', KEYS[i + 1], 0, '1') end
end
return is_ours and 1 or 0
