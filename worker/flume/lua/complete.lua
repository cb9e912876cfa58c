-- complete: forget jobs that ended well (or were dropped by their handler).
--
-- KEYS[1]  running    zset   id -> lease deadline and fence
-- KEYS[2]  jobs       hash   id -> body
-- KEYS[3]  stats      hash   counters
-- KEYS[4]  suspects   hash   id -> crashes while alone
-- KEYS[5]  unique     hash   unique key -> id and end
-- KEYS[6]  unique_of  hash   id -> unique key
-- ARGV[1]  counter    that rises: completed or discarded
-- ARGV[2…] fence, n, n ids   one group for each claim the jobs came from, at most 1,000 ids in all
--
-- Returns the ids whose lease is lost: another worker holds them or will.  A
-- job that is gone altogether counts as stored: an earlier call of ours did it.

--@include fence
--@include unique
--@include numbers

local running, jobs, stats, suspects, unique, unique_of = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local mine, lost = {}, {}

redis.call('HLEN', stats)
redis.call('HLEN', unique_of)
redis.call('HLEN', unique)
local has_suspects = redis.call('HLEN', suspects) > 0
local i, n = 2, 0
while i < #ARGV do
  local fence, first, last = tonumber(ARGV[i]), i + 2, i + 1 + ARGV[i + 1]
  local scores, same = redis.call('ZMSCORE', running, unpack(ARGV, first, last)), nil
  for j = first, last do
    local score = scores[j - first + 1]
    if score and (score == same or score % FENCES == fence) then -- jobs of a claim share one, mostly
      same, n = score, n + 1
      mine[n] = ARGV[j]
    elseif score or redis.call('HEXISTS', jobs, ARGV[j]) == 1 then
      lost[#lost + 1] = ARGV[j]
    end
  end
  i = last + 1
end
if n == 0 then return lost end

-- first: it refuses a key of the wrong type, which nothing above did; a cancelled job has no body
local ended = redis.call('HDEL', jobs, unpack(mine))
redis.call('ZREM', running, unpack(mine))
if has_suspects then redis.call('HDEL', suspects, unpack(mine)) end
release_unique(unique, unique_of, mine)
if ended > 0 then count(stats, ARGV[1], ended) end
return lost
