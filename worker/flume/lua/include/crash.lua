-- crash: what a job is charged with when its worker died (the parts of reclaim.lua).
local function bury_unread(id, now, buried)
  redis.call('ZADD', KEYS[7], string.format('%.0f', now), id)
  redis.call('HDEL', KEYS[5], id)
  buried[#buried + 1] = id
end

-- A suspect runs alone, so a crash of its worker is its own; others are suspects from now on.
local function charge(id, body, limit, now)
  local crashes = redis.call('HGET', KEYS[5], id)
  crashes = crashes and (whole(crashes) or 0) + 1 or 0
  redis.call('HSET', KEYS[5], id, crashes)
  if crashes < limit then return false end
  -- appended, never parsed and written again: that would change large numbers and empty lists
  local why = ',"error":"JobCrashedError: its worker died ' .. crashes .. ' times while it ran alone"}'
  if string.sub(body, -1) == '}' then redis.call('HSET', KEYS[2], id, string.sub(body, 1, -2) .. why) end
  redis.call('ZADD', KEYS[7], string.format('%.0f', now), id)
  redis.call('HDEL', KEYS[5], id)
  return true
end
