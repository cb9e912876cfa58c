-- lease: lease the jobs that were taken last.  One that runs already, or was taken twice, is left
-- out: it was cancelled and enqueued again, and the entry from before is still in a list.
local function lease(running, leases, ids, bodies)
  local count = #leases / 2
  if count == 0 or redis.call('ZADD', running, 'NX', unpack(leases)) == count then return end
  local score, kept, taken = tonumber(leases[1]), #ids - count, {}
  for i = 1, kept do taken[ids[i]] = true end
  for i = kept + 1, #ids do
    local id, body = ids[i], bodies[i]
    ids[i], bodies[i] = nil, nil
    if not taken[id] and tonumber(redis.call('ZSCORE', running, id)) == score then
      taken[id], kept = true, kept + 1
      ids[kept], bodies[kept] = id, body
    end
  end
end
