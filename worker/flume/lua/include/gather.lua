-- gather: the first live jobs of a list, looked at before anything is popped.  A cancelled job has
-- no body and is passed over; ``upto`` says how many entries end with each job.
local function gather(ready, jobs, want, room)
  local got = { ids = {}, bodies = {}, upto = {}, seen = 0, since = 0, is_cut = false }
  local ids, used, average = got.ids, 0, 65536 -- a first guess that 64 fill 4 MiB
  for _ = 1, 64 do
    local gone = got.seen - #ids -- many gone: look further at a time
    local chunk = math.max(1, math.min(want - #ids + gone, 1000, math.floor((room - used) / average)))
    local entries, names = redis.call('LRANGE', ready, got.seen, got.seen + chunk - 1), {}
    for i = 1, #entries do names[i] = string.sub(entries[i], -32) end
    local found = #names > 0 and redis.call('HMGET', jobs, unpack(names)) or {}
    for i = 1, #names do
      local body = #ids < want and found[i]
      got.is_cut = body and #ids > 0 and used + #body > room or false
      if got.is_cut or #ids == want then return got end
      got.seen = got.seen + 1
      if body and #ids == 0 then got.since = ready_since(entries[i]) end
      if body then ids[#ids + 1], got.bodies[#ids + 1], got.upto[#ids + 1], used = names[i], body, got.seen, used + #body end
    end
    if #entries < chunk or #ids == want then return got end
    average = math.max(64, used / math.max(1, #ids))
  end
  return got
end
