-- cancel: take away the bodies of jobs, so that they do not run any more.
--
-- KEYS[1]  jobs       hash   id -> body
-- KEYS[2]  dead       zset   id -> buried at, ms
-- KEYS[3]  running    zset   id -> lease deadline and fence
-- KEYS[4]  stats      hash   counters
-- KEYS[5]  unique     hash   unique key -> id and end
-- KEYS[6]  unique_of  hash   id -> unique key
-- ARGV[1…] id         at most 1,000
--
-- Returns the ids that were cancelled.  Lists keep an id without a body until
-- a claim skips it.  A running job is told at its next extension; a dead one is
-- left alone (purge deletes it).

--@include unique
--@include numbers

local jobs, dead, running, stats = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local cancelled = {}

redis.call('ZCARD', running)
redis.call('HLEN', stats)
redis.call('HLEN', KEYS[5])
redis.call('HLEN', KEYS[6])
for _, id in ipairs(ARGV) do
  if not redis.call('ZSCORE', dead, id) and redis.call('HDEL', jobs, id) == 1 then
    cancelled[#cancelled + 1] = id
  end
end
release_unique(KEYS[5], KEYS[6], cancelled)
if #cancelled > 0 then count(stats, 'cancelled', #cancelled) end
return cancelled
