-- take: the jobs of a list's entries, with their bodies.  Ids are the last 32 characters of an
-- entry (job.py); a cancelled job has no body and is skipped.
local function take(entries, jobs, score, room, ids, bodies)
  local names, leases, n, bytes, kept = {}, {}, 0, 0, #ids
  for i = 1, #entries do names[i] = string.sub(entries[i], -32) end
  local found = redis.call('HMGET', jobs, unpack(names))
  for i = 1, #names do
    local body = found[i]
    if body then
      if bytes + #body > room and kept > 0 then return leases, i - 1, bytes end
      bytes, n, kept = bytes + #body, n + 2, kept + 1
      leases[n - 1], leases[n], ids[kept], bodies[kept] = score, names[i], names[i], body
    end
  end
  return leases, #names, bytes
end
