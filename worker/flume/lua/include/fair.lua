-- fair: the part of the free tokens that is left for a queue beside those that ask as well.
local function fair_part(all, me, ring, free)
  if not next(all, next(all)) then return free, 1 end -- the queue is alone
  local own, rivals, waiting = usage(me, ring), {}, 1
  local sum = free + own
  for _, other in pairs(all) do
    local wants = other ~= me and demand(other, ring) or 0
    if other ~= me and (wants > 0 or other[NEXT] > ring.time) then waiting = waiting + 1 end
    if other ~= me and ring.time - other[ASKED] < SILENT_MS and starves(other, ring) and not (starves(me, ring) and me[SINCE] <= other[SINCE]) then
      return 0, waiting
    end
    if wants > 0 then
      local use = usage(other, ring)
      rivals[#rivals + 1] = { use, wants }
      sum = sum + use
    end
  end
  local level, held = sum / (#rivals + 1), 0
  for _, rival in ipairs(rivals) do held = held + math.max(0, math.min(level, rival[2]) - rival[1]) end
  if held == 0 or starves(me, ring) then return free, waiting end
  local lack = math.max(0, level - own)
  return math.max(math.floor(free - held), math.min(free, math.ceil(free * lack / (lack + held)))), waiting
end
