-- suspect: the next suspect goes to a worker that holds nothing, and a busy one is told to empty
-- itself for it.  Returns the reply of the claim, or nothing where no suspect is due here.
local function claim_suspect(alone, jobs, running, suspects, clock, score, fence, holds, lease)
  local suspect, entry = first_suspect(alone, 7)
  local body = suspect and redis.call('HGET', jobs, suspect)
  if body and holds > 0 and has_turn(clock, fence, now, lease) then return {now, 0, 2, 0, {}, {}} end
  if not suspect or (holds > 0 and body) then return end
  redis.call('HLEN', clock)
  redis.call('HLEN', suspects)
  oldest(7, #KEYS)
  redis.call('LREM', alone, 1, entry)
  redis.call('HDEL', clock, 'turn')
  if not body then redis.call('HDEL', suspects, suspect) return end -- cancelled
  redis.call('ZADD', running, score, suspect)
  if redis.call('LLEN', alone) > 0 then redis.call('ZADD', KEYS[8], 0, '1') end -- for who is idle
  return {now, 0, 1, math.min(now, tonumber(string.match(entry, '^%d+'))), {suspect}, {body}}
end
