-- fresh: of the jobs in a call, those that are not kept yet, each once.
local function fresh(jobs, stamp, first)
  local ids, bodies, entries, seen, n = {}, {}, {}, {}, 0
  for i = first, #ARGV, 2 do ids[#ids + 1] = ARGV[i] end
  local kept = redis.call('HMGET', jobs, unpack(ids))
  for i = 1, #ids do
    local id = ids[i]
    if not kept[i] and not seen[id] then
      n, seen[id] = n + 1, true
      bodies[2 * n - 1], bodies[2 * n], entries[n] = id, ARGV[first + 2 * i - 1], stamp .. ':' .. id
    end
  end
  return bodies, entries
end
