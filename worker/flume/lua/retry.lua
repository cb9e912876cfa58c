-- retry: let failed jobs wait for their next run.
--
-- KEYS[1]  running    zset   id -> lease deadline and fence
-- KEYS[2]  jobs       hash   id -> body
-- KEYS[3]  retrying   zset   id and handler -> due, ms
-- KEYS[4]  suspects   hash   id -> crashes while alone
-- KEYS[5]  stats      hash   counters
-- KEYS[6]  senders    hash   lane -> number and time of its last applied call
-- ARGV[1]  lane       who sends; one call at a time
-- ARGV[2]  number     of the call in its lane
-- ARGV[3…] id, fence, wait, handler, body   wait in ms; five per job, at most 200 jobs
--
-- Returns the ids whose lease is lost.  A job that ran to an end without
-- killing its worker is no suspect any more.  A cancelled job is forgotten.

--@include now
--@include fence
--@include numbers
--@include sent

local running, jobs, retrying, suspects, stats, senders = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local lane, number = ARGV[1], ARGV[2]
local lost, retried = {}, 0

redis.call('HLEN', jobs)
redis.call('ZCARD', retrying)
redis.call('HLEN', suspects)
redis.call('HLEN', stats)
if already_sent(senders, lane, number) then return {} end

for i = 3, #ARGV, 5 do
  local id, fence = ARGV[i], tonumber(ARGV[i + 1])
  local score = redis.call('ZSCORE', running, id)
  if score and score % FENCES == fence then
    redis.call('ZREM', running, id)
    redis.call('HDEL', suspects, id)
    if redis.call('HEXISTS', jobs, id) == 1 then
      redis.call('HSET', jobs, id, ARGV[i + 4])
      redis.call('ZADD', retrying, string.format('%.0f', now + ARGV[i + 2]), id .. ' ' .. ARGV[i + 3])
      retried = retried + 1
    end
  else
    lost[#lost + 1] = id
  end
end
if retried > 0 then count(stats, 'retried', retried) end
if #lost * 5 < #ARGV - 2 then mark_sent(senders, lane, number, stamp) end
return lost
