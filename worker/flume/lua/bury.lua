-- bury: move jobs that are given up to the dead-letter queue.
--
-- KEYS[1]  running    zset   id -> lease deadline and fence
-- KEYS[2]  jobs       hash   id -> body
-- KEYS[3]  dead       zset   id -> buried at, ms
-- KEYS[4]  suspects   hash   id -> crashes while alone
-- KEYS[5]  stats      hash   counters
-- KEYS[6]  unique     hash   unique key -> id and end
-- KEYS[7]  unique_of  hash   id -> unique key
-- ARGV[1…] id, fence, body   body '' leaves it as it is; three per job, at most 200 jobs
--
-- Returns the ids whose lease is lost.  A job that is dead already, or gone,
-- counts as buried: an earlier call of ours did it.

--@include now
--@include fence
--@include unique
--@include numbers

local running, jobs, dead, suspects, stats = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local lost, buried = {}, {}

redis.call('HLEN', jobs)
redis.call('HLEN', suspects)
redis.call('HLEN', stats)
redis.call('HLEN', KEYS[6])
redis.call('HLEN', KEYS[7])
redis.call('ZCARD', dead)
for i = 1, #ARGV, 3 do
  local id, fence = ARGV[i], tonumber(ARGV[i + 1])
  local score = redis.call('ZSCORE', running, id)
  if score and score % FENCES == fence then
    redis.call('ZREM', running, id)
    redis.call('HDEL', suspects, id)
    if redis.call('HEXISTS', jobs, id) == 1 then
      if ARGV[i + 2] ~= '' then redis.call('HSET', jobs, id, ARGV[i + 2]) end
      redis.call('ZADD', dead, string.format('%.0f', now), id)
      buried[#buried + 1] = id
    end
  elseif score or (redis.call('HEXISTS', jobs, id) == 1 and not redis.call('ZSCORE', dead, id)) then
    lost[#lost + 1] = id
  end
end
release_unique(KEYS[6], KEYS[7], buried)
if #buried > 0 then count(stats, 'buried', #buried) end
return lost
