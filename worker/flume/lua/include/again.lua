-- again: the jobs of a claim whose reply was lost, so that the same call brings them, and whether
-- the first is a suspect.  Their leases begin anew, for much of them may be over.
local function held_by(running, jobs, suspects, fence, score)
  local ids, bodies, all = {}, {}, redis.call('ZRANGE', running, 0, 99999, 'WITHSCORES')
  for i = 1, #all, 2 do
    local body = all[i + 1] % FENCES == fence and redis.call('HGET', jobs, all[i])
    if body then ids[#ids + 1], bodies[#bodies + 1] = all[i], body end
  end
  if #ids == 0 then return ids, bodies, 0 end
  local is_suspect = redis.call('HEXISTS', suspects, ids[1])
  redis.call('ZREM', running, '') -- memory full refuses ZADD as a first write
  for _, id in ipairs(ids) do redis.call('ZADD', running, 'XX', score, id) end
  return ids, bodies, is_suspect
end
