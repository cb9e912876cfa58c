-- due: when the first slot comes free of which callers of a queue were told (0: they were of none).
local function next_due(caller, ring, waiting)
  local sum = 0
  for slot = ring.first, math.min(caller[PROMISED], ring.slot) do
    sum = sum + cell(ring, slot) / waiting
    if sum >= 1 then return (slot + 1) * ring.width + ring.window end
  end
  return 0
end
