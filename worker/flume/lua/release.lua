-- release: give back jobs that were claimed and not run to an end.  Nothing is charged.
--
-- KEYS[1]  running    zset   id -> lease deadline and fence
-- KEYS[2]  jobs       hash   id -> body
-- KEYS[3]  suspects   hash   id -> crashes while alone
-- KEYS[4]  alone      list   ready_ms:id handler, of suspects that wait
-- KEYS[5]  ready      list   ready_ms:id of this handler, oldest first
-- KEYS[6]  wake       zset   marker that wakes an idle worker of this handler
-- ARGV[1]  handler    name
-- ARGV[2…] id, fence  one pair per job, at most 1,000
--
-- Returns the ids whose lease is lost (or that an earlier call gave back).

--@include now
--@include fence
--@include requeue

local running, jobs, suspects, alone, ready, wake = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local lost, innocent = {}, {}

redis.call('HLEN', jobs)
redis.call('LLEN', ready)
redis.call('LLEN', alone)
redis.call('HLEN', suspects)
redis.call('ZCARD', wake)
for i = 2, #ARGV, 2 do
  local id = ARGV[i]
  local score = redis.call('ZSCORE', running, id)
  if score and score % FENCES == tonumber(ARGV[i + 1]) then
    redis.call('ZREM', running, id)
    if redis.call('HEXISTS', jobs, id) == 0 then
      redis.call('HDEL', suspects, id) -- cancelled
    elseif redis.call('HEXISTS', suspects, id) == 1 then
      redis.call('LPUSH', alone, string.format('%.0f:%s %s', now, id, ARGV[1]))
      redis.call('ZADD', wake, 0, '1')
    else
      innocent[#innocent + 1] = id
    end
  else
    lost[#lost + 1] = id
  end
end
requeue(ready, wake, innocent, now)
return lost
