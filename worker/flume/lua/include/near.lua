-- near: leases that end later than any can were given before the clock was set back.  They are
-- shortened to one lease from now, or they would keep a dead worker's jobs.
local function fence_of(score)
  local fence = score % FENCES
  return fence == fence and fence or 0 -- an infinite score, which is not ours, has none
end

local function bring_near(running, now, lease)
  local latest = lease_until(now + lease + 5000, 0)
  local far = redis.call('ZRANGEBYSCORE', running, latest, '+inf', 'WITHSCORES', 'LIMIT', 0, 200)
  redis.call('ZREM', running, '') -- memory full refuses ZADD, but not after a first write
  for i = 1, #far, 2 do
    redis.call('ZADD', running, lease_until(now + lease, fence_of(far[i + 1])), far[i])
  end
end
