-- promise: when a queue's caller that lacks tokens asks again.  It is told of tokens of which none of
-- its queue's callers was told yet, so that no more come back for a slot than it can serve.  After the
-- last slot of the window the next round begins: what was granted in a slot is thought to be granted
-- again when it comes free.
local MOST_ROUNDS = 64

-- the slot whose tokens are enough, and what it leaves
local function next_slot(caller, ring, need, rest, waiting)
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

-- by the ring's clock; n of those that are wanted were granted, and rest is what the limit leaves
local function promise(caller, ring, last, n, want, step, free, rest, waiting)
  local is_held, hold = free - n >= step, ring.time + HOLD_MS -- for another queue
  if last.due > ring.time and last.epoch == ring.epoch then -- who asks twice keeps its place
    return is_held and math.min(hold, last.due) or last.due
  end
  local slot, left = next_slot(caller, ring, is_held and step or step - (free - n), rest, waiting)
  local due = (slot + 1) * ring.width + ring.window
  if is_held and due > hold then return hold end
  caller[PROMISED], caller[LEFT] = slot, math.max(0, left - (want - n))
  return due
end
