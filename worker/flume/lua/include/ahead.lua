-- ahead: let the ring's clock run ahead of Redis', so that a caller that would wait is granted tokens
-- now which it may use once their slot has come free: it need not be on time.  Then the ring's clock
-- stands still until Redis' is there, and whoever is granted tokens meanwhile waits as long.
local function free_ahead(ring, count, want, step, most)
  local free, till, latest = count - ring.total, ring.time, ring.time + math.min(most, MOST_AHEAD) - ring.lead
  if free >= step then return free end
  for slot = ring.first, ring.slot do
    local at = (slot + 1) * ring.width + ring.window
    if free >= want or at > latest then break end
    free, till = free + cell(ring, slot), at
  end
  if free >= step and till > ring.time then
    ring.lead, ring.time, ring.slot = ring.lead + till - ring.time, till, math.floor(till / ring.width)
    expire(ring)
  end
  return math.max(0, count - ring.total)
end
