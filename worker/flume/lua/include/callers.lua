-- callers: what a limit knows of each queue: its own definition, how it waits, what it was granted.
local COUNT, PERIOD, GENERATION, SEEN, NEXT, TILL, SINCE, ASKED = 1, 2, 3, 4, 5, 6, 7, 8
local PROMISED, EPOCH, USED, PACE, LEFT = 9, 10, 11, 12, 13
local CALLER, GRANT = '<I4I4I8I8I8I8I8I8I8I8I8dd', '<I2I4' -- then a slot and a count for each slot used

local function read_callers(flat, queue, time)
  local all, stale = {}, {}
  for i = 1, math.min(#flat, 2000), 2 do
    local text = flat[i + 1]
    local caller = #text >= 96 and #text % 6 == 0 and #text <= 96 + 6 * CELLS and { struct.unpack(CALLER, text) }
    local silent = caller and time - caller[SEEN] -- below 0: the ring was lost, and the clock was set back
    if caller and silent <= 3600000 and silent > -2592000000
      and math.abs(caller[PACE]) + math.abs(caller[LEFT]) < 1e15 then
      caller.grants, all[flat[i]] = string.sub(text, 97), caller
    elseif #stale < 100 then
      stale[#stale + 1] = flat[i]
    end
  end
  all[queue] = all[queue] or { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, grants = '' }
  return all, stale, all[queue]
end

local function write_caller(callers, queue, caller)
  redis.call('HSET', callers, queue, struct.pack(CALLER, unpack(caller, 1, 13)) .. caller.grants)
end
