-- crash: what a job is charged with when its worker died (the parts of reclaim.lua).
local function bury_unread(id, now, buried)
  redis.call('ZADD', KEYS[7], string.format('%.0f', now), id)
  redis.call('HDEL', KEYS[5], id)
  buried[#buried + 1] = id
end

-- A suspect runs alone, so a crash of its worker is its own; others are suspects from now on.
local function charge(id, body, limit, now)
  local crashes = redis.call('HGET', KEYS[5], id)
  crashes = crashes and (tonumber(crashes) or 0) + 1 or 0
  redis.call('HSET', KEYS[5], id, crashes)
  if crashes < limit then return false end
  -- appended, never parsed and written again: that would change large numbers and empty lists
  local why = ',"error":"JobCrashedError: its worker died ' .. crashes .. ' times while it ran alone"}'
  redis.call('HSET', KEYS[2], id, string.sub(body, 1, -2) .. why)
  redis.call('ZADD', KEYS[7], string.format('%.0f', now), id)
  redis.call('HDEL', KEYS[5], id)
  return true
end

local function bring_near(running, now, lease)
  local far = redis.call('ZRANGEBYSCORE', running, lease_until(now + lease + 5000, 0), '+inf', 'WITHSCORES', 'LIMIT', 0, 200)
  redis.call('ZREM', running, '') -- memory full refuses ZADD, but not after a first write
  for i = 1, #far, 2 do
    redis.call('ZADD', running, lease_until(now + lease, far[i + 1] % FENCES), far[i])
  end
end
