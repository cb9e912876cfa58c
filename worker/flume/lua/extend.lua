-- extend: keep the leases of running jobs alive.
--
-- KEYS[1]  running    zset   id -> lease deadline and fence
-- KEYS[2]  jobs       hash   id -> body
-- ARGV[1]  lease      length of the new lease, in ms
-- ARGV[2…] id, fence  one pair per job, at most 1,000; claim.lua handed out the fence
--
-- Returns the ids whose lease is lost: another worker holds them, or they were
-- cancelled, and the caller must stop running them.

--@include now
--@include fence

local running, jobs = KEYS[1], KEYS[2]
local lost = {}

redis.call('HLEN', jobs)
redis.call('ZREM', running, '') -- memory full refuses ZADD, but not after a first write
for i = 2, #ARGV, 2 do
  local id, fence = ARGV[i], tonumber(ARGV[i + 1])
  local score = redis.call('ZSCORE', running, id)
  if score and score % FENCES == fence and redis.call('HEXISTS', jobs, id) == 1 then
    redis.call('ZADD', running, 'XX', lease_until(now + ARGV[1], fence), id)
  else
    lost[#lost + 1] = id
  end
end
return lost
