-- callers: what a limit knows of each queue: its own definition, how it waits, what it was granted.
local COUNT, PERIOD, GENERATION, SEEN, NEXT, TILL, SINCE, ASKED = 1, 2, 3, 4, 5, 6, 7, 8
local PROMISED, BUCKET, PACE, LEFT, USED = 9, 10, 11, 12, 13 -- and 15 more, by buckets of the window
local BUCKETS, CALLER = 16, '<I4I4I8I8I8I8I8I8I8I8dd' .. string.rep('I4', 16)

local function read_callers(flat, queue, time)
  local all, stale = {}, {}
  for i = 1, math.min(#flat, 2000), 2 do
    local caller = #flat[i + 1] == 152 and { struct.unpack(CALLER, flat[i + 1]) }
    if caller and math.abs(time - caller[SEEN]) <= 3600000 and math.abs(caller[PACE]) + math.abs(caller[LEFT]) < 1e15 then
      all[flat[i]] = caller
    elseif #stale < 100 then
      stale[#stale + 1] = flat[i]
    end
  end
  if not all[queue] then
    all[queue] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
  end
  return all, stale, all[queue]
end

local function write_caller(callers, queue, caller)
  redis.call('HSET', callers, queue, struct.pack(CALLER, unpack(caller, 1, 28)))
end
