-- gather: the first live jobs of a list, looked at before anything is popped.  A cancelled job has
-- no body and is passed over: ``upto`` says how many entries end with a job, where not its place.
local function gather(ready, jobs, want, room)
  local ids, bodies, upto, n, seen, used, average = {}, {}, {}, 0, 0, 0, 65536 -- 64 fill 4 MiB
  local got = { ids = ids, bodies = bodies, upto = upto, since = 0, is_cut = false }
  for _ = 1, 64 do
    local chunk = math.min(want - n + (seen - n), 1000, math.floor((room - used) / average)) -- many gone: look far
    local entries, names = redis.call('LRANGE', ready, seen, seen + math.max(chunk, 1) - 1), {}
    for i = 1, #entries do names[i] = string.sub(entries[i], -32) end
    local found = #names > 0 and redis.call('HMGET', jobs, unpack(names)) or {}
    for i = 1, #names do
      local body = found[i]
      if body then
        if n == 0 then got.since = ready_since(entries[i]) end
        if n == want or n > 0 and used + #body > room then got.is_cut = n < want return got, seen end
        n, used = n + 1, used + #body
        ids[n], bodies[n], upto[n] = names[i], body, seen >= n and seen + 1 or nil
      end
      seen = seen + 1
    end
    if #entries < chunk or n == want then return got, seen end
    average = math.max(64, used / math.max(1, n))
  end
  return got, seen
end
