-- forget: delete dead jobs that are named.
--
-- KEYS[1]  dead       zset   id -> buried at, ms
-- KEYS[2]  jobs       hash   id -> body
-- KEYS[3]  stats      hash   counters
-- KEYS[4]  unique     hash   unique key -> id and end
-- KEYS[5]  unique_of  hash   id -> unique key
-- ARGV[1…] id         at most 1,000
--
-- Returns how many of them were dead.

--@include unique
--@include numbers

local dead, jobs, stats, ids = KEYS[1], KEYS[2], KEYS[3], {}

redis.call('HLEN', jobs)
redis.call('HLEN', stats)
redis.call('HLEN', KEYS[4])
redis.call('HLEN', KEYS[5])
for _, id in ipairs(ARGV) do
  if redis.call('ZREM', dead, id) == 1 then ids[#ids + 1] = id end
end
if #ids == 0 then return 0 end
redis.call('HDEL', jobs, unpack(ids))
release_unique(KEYS[4], KEYS[5], ids)
count(stats, 'purged', #ids)
return #ids
