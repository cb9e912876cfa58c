-- gather: the first live jobs of a list, looked at before anything is popped.  A cancelled job has
-- no body and is passed over: ``upto`` says how many entries end with a job, where not its place.
local function gather(ready, jobs, want, room)
  local got = { ids = {}, bodies = {}, upto = {}, since = 0, is_cut = false }
  local ids, bodies, n, seen, used, average = got.ids, got.bodies, 0, 0, 0, 65536 -- 64 fill 4 MiB
  for _ = 1, 64 do
    local chunk = math.min(want - n + (seen - n), 1000, math.floor((room - used) / average)) -- many gone: look far
    local entries, names = redis.call('LRANGE', ready, seen, seen + math.max(chunk, 1) - 1), {}
    for i = 1, #entries do names[i] = string.sub(entries[i], -32) end
    local found = #names > 0 and redis.call('HMGET', jobs, unpack(names)) or {}
    for i = 1, #names do
      local body = found[i]
      got.is_cut = body and n > 0 and used + #body > room
      if n == want or got.is_cut then return got, seen end
      seen = seen + 1
      if body then
        got.since, n, used = n == 0 and ready_since(entries[i]) or got.since, n + 1, used + #body
        ids[n], bodies[n], got.upto[n] = names[i], body, seen > n and seen or nil
      end
    end
    if #entries < chunk or n == want then break end
    average = math.max(64, used / math.max(1, n))
  end
  return got, seen
end
