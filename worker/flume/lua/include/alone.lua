-- alone: suspects, which run by themselves.  They wait in a list of their own, so that innocent
-- jobs pass them; of the busy workers one at a time has the turn to empty itself for the next.
local function first_suspect(alone, first)
  local mine = {}
  for i = first, #KEYS, 2 do mine[string.match(KEYS[i], ':ready:(.+)$')] = true end
  for _, entry in ipairs(redis.call('LRANGE', alone, 0, 99)) do
    local id, handler = string.match(entry, '^%d+:(%x+) (%S+)$')
    if id and mine[handler] then return id, entry end
  end
end

local function has_turn(clock, fence, now, lease)
  local worker = math.floor(fence / 256)
  local holder, till = string.match(redis.call('HGET', clock, 'turn') or '', '^(%d+) (%d+)$')
  if holder and tonumber(holder) ~= worker and tonumber(till) > now then return false end
  redis.call('HDEL', clock, 'turn') -- memory full refuses HSET, but not after a first write
  redis.call('HSET', clock, 'turn', string.format('%.0f %.0f', worker, now + lease))
  return true
end

local function held_by(running, jobs, fence)
  local ids, bodies, all = {}, {}, redis.call('ZRANGE', running, 0, 99999, 'WITHSCORES')
  for i = 1, #all, 2 do
    local body = all[i + 1] % FENCES == fence and redis.call('HGET', jobs, all[i])
    if body then ids[#ids + 1], bodies[#bodies + 1] = all[i], body end
  end
  return ids, bodies
end
