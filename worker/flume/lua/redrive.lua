-- redrive: make dead jobs of one handler ready again, as if they had never run.
--
-- KEYS[1]  dead       zset   id -> buried at, ms
-- KEYS[2]  jobs       hash   id -> body
-- KEYS[3]  handlers   set    handler names of the queue
-- KEYS[4]  stats      hash   counters
-- KEYS[5]  ready      list   ready_ms:id of this handler, oldest first
-- KEYS[6]  wake       zset   marker that wakes an idle worker of this handler
-- ARGV[1]  handler    name
-- ARGV[2…] id, body   one pair per job, with its attempts set back; at most 200 jobs
--
-- Returns the ids that were dead and are ready now.

--@include now
--@include numbers

local dead, jobs, handlers, stats, ready, wake = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local redriven = {}

redis.call('HLEN', jobs)
redis.call('SCARD', handlers)
redis.call('HLEN', stats)
redis.call('LLEN', ready)
redis.call('ZCARD', wake)
for i = 2, #ARGV, 2 do
  if redis.call('ZREM', dead, ARGV[i]) == 1 then
    redis.call('HSET', jobs, ARGV[i], ARGV[i + 1])
    redis.call('RPUSH', ready, string.format('%.0f:%s', now, ARGV[i]))
    redriven[#redriven + 1] = ARGV[i]
  end
end
if #redriven > 0 then
  redis.call('ZADD', wake, 0, '1')
  redis.call('SADD', handlers, ARGV[1])
  count(stats, 'redriven', #redriven)
end
return redriven
