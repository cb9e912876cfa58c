-- epoch: a window of another period begins, with all that the old one counted as granted now.
local function set_period(ring, period, now)
  if ring.period == period then return end
  ring.text, ring.period = nil, period
  ring.epoch = math.max(ring.epoch + 1, now) -- also after a loss: an old refund names no epoch of ours
  set_width(ring)
  ring.first, ring.freed, ring.added = ring.slot, 0, ring.total
end
