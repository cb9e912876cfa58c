-- promise: when a queue's caller that lacks tokens asks again, by the ring's clock.  It is told of
-- tokens of which none of its queue's callers was told yet, so that no more come back for a slot than
-- it can serve.  n of those that are wanted were granted, and rest is what the limit leaves.
local function promise(caller, ring, last, n, want, step, free, rest, waiting)
  local is_held, hold = free - n >= step, ring.time + HOLD_MS -- for another queue
  if last.due > ring.time and last.epoch == ring.epoch then -- who asks twice keeps its place
    return is_held and math.min(hold, last.due) or last.due
  end
  local slot, left = next_place(caller, ring, is_held and step or step - (free - n), rest, waiting)
  local due = (slot + 1) * ring.width + ring.window
  if is_held and due > hold then return hold end
  caller[PROMISED], caller[LEFT] = slot, math.max(0, left - (want - n))
  return due
end
