-- deregister: take the record of a worker that has left in order.
--
-- KEYS[1]  workers    hash   worker number -> seen_ms id record
-- KEYS[2]  pause      hash   source -> until_ms since_ms by reason
-- KEYS[3…] ready, wake  list, zset  a pair for each handler the worker had
-- ARGV[1]  number     of the worker
-- ARGV[2]  id         of the worker
--
-- Returns 1, or 0 where the record is not this worker's.  A marker that the
-- worker took last is put back where jobs wait.

--@include wake

local record = redis.call('HGET', KEYS[1], ARGV[1])
local is_ours = record and string.match(record, '^%d+ (%S+)') == ARGV[2]

redis.call('HLEN', KEYS[2])
for i = 3, #KEYS, 2 do
  redis.call('LLEN', KEYS[i])
  redis.call('ZCARD', KEYS[i + 1])
end
redis.call('HDEL', KEYS[1], is_ours and ARGV[1] or '') -- memory full refuses ZADD, but not after a first write
if is_ours then redis.call('HDEL', KEYS[2], 'worker:' .. ARGV[2]) end -- no other has this id
wake_next(3)
return is_ours and 1 or 0
