-- places: the slot whose tokens are enough for the next caller of a queue, and what it leaves.  After
-- the last slot of the window the next round begins: what was granted in a slot is thought to be
-- granted again when it comes free.
local MOST_ROUNDS = 64

local function next_place(caller, ring, need, rest, waiting)
  local round = math.floor(ring.window / ring.width) + 1
  local slot, left, latest = caller[PROMISED], caller[LEFT], ring.slot + MOST_ROUNDS * round
  if slot < ring.first or slot > latest then slot, left = ring.first - 1, math.min(0, rest / waiting) end
  for _ = 1, CELLS do
    if left >= need or slot >= latest then break end
    slot = slot + 1
    local rounds = math.max(0, math.ceil((slot - ring.slot) / round))
    left = left + cell(ring, slot - rounds * round) / waiting
  end
  return slot, left
end
