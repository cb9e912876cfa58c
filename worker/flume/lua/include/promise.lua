-- promise: in how many ms tokens come free for a queue of which none of its callers was told yet, so
-- that no more come back for a slot than it can serve.  After the last slot of the window the next
-- round begins: what was granted in a slot is thought to be granted again when it comes free.
local MOST_ROUNDS = 64

local function promise(caller, ring, need, want, free, waiting)
  local round = math.ceil(ring.window / ring.width) + 1
  local slot, left, latest = caller[PROMISED], caller[LEFT], ring.slot + MOST_ROUNDS * round
  if slot < ring.first or slot > latest then slot, left = ring.first - 1, math.min(0, free / waiting) end
  for _ = 1, CELLS do
    if left >= need or slot >= latest then break end
    slot = slot + 1
    local rounds = math.max(0, math.ceil((slot - ring.slot) / round))
    left = left + cell(ring, slot - rounds * round) / waiting
  end
  caller[PROMISED], caller[LEFT] = slot, math.max(0, left - want)
  return (slot + 1) * ring.width + ring.window - ring.time
end
