-- longest: the longest lease that any worker uses.  While settings change, some use the old one:
-- whoever has the shorter would take the other's deadlines for those of a clock set back.
local function longest(told, until_ms, mine, now)
  mine = tonumber(mine)
  local most, ends = whole(told) or 0, math.min(whole(until_ms) or 0, now + (whole(told) or 0))
  if most <= mine or ends <= now or most > 604800000 then return mine, now + mine end
  return most, ends -- what was leased for so long by its last worker ends then
end
