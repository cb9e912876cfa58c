-- epoch: a window of another period begins, with all that the old one counted as granted now.
local function set_period(ring, period, microseconds)
  if ring.period == period then return end
  ring.text, ring.period = nil, period
  ring.epoch = math.max(ring.epoch + 1, microseconds) -- after a loss too no old refund may name it
  set_width(ring)
  ring.first, ring.freed, ring.added = ring.slot, 0, ring.total
end
