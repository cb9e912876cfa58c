-- changes: the id of the last change of a queue's pauses, and a new one.
-- Redis draws the ids: they rise also where its clock was set back.
local function last_change(pauses)
  local last = redis.call('XREVRANGE', pauses, '+', '-', 'COUNT', 1)[1]
  return last and last[1] or '0-0'
end

local function announce(pauses, source)
  local id = redis.pcall('XADD', pauses, 'MAXLEN', 1, '*', 'source', source)
  if type(id) == 'string' then return id end
  redis.call('DEL', pauses) -- somebody wrote the highest id that there is
  return redis.call('XADD', pauses, 'MAXLEN', 1, '*', 'source', source)
end
