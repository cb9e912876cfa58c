-- strictest: which of the queues' definitions holds.  A definition with a count of 0 is no limit; it is
-- kept for a while, so that a worker with older settings does not bring the limit back.
local function define_caller(caller, count, period, generation, time)
  -- a worker that has not heard of new settings yet: all do within 2 s; later they have begun anew
  if generation < caller[GENERATION] and time - caller[SEEN] < 5000 then return false end
  local is_new = time - caller[SEEN] > 60000 or caller[COUNT] ~= count or caller[PERIOD] ~= period
  caller[COUNT], caller[PERIOD], caller[GENERATION], caller[SEEN] = count, period, generation, time
  return is_new
end

local function strictest(all, count, period)
  local rate = math.huge
  for _, caller in pairs(all) do
    local own = caller[COUNT] > 0 and caller[PERIOD] > 0 and caller[COUNT] / caller[PERIOD] or math.huge
    if own < rate or (own == rate and own < math.huge and caller[COUNT] < count) then
      rate, count, period = own, caller[COUNT], caller[PERIOD]
    end
  end
  return count, period
end

local function differs(caller, count, period)
  return (caller[COUNT] ~= count or caller[PERIOD] ~= period) and 1 or 0
end
