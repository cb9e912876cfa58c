-- ring: the grants of a limit's window, counted by slot: a head, then a slot and a count per cell.
local CELLS, MOST_SLACK, HEAD = 160, 200, '<c4I4I4I8I8I8I8I8I8I8' -- at most 152 slots lie in a window
local FIRST_CELL, LENGTH, MOST_AHEAD = 69, 68 + 160 * 8, 50

local function set_width(ring) -- 128 slots a period, of 8 ms at least
  ring.width, ring.window = math.ceil(ring.period / 128), ring.period + ring.slack
  ring.slot = math.floor(ring.time / ring.width)
end

-- time is a clock of our own: it moves with Redis' and stands still at the moment that one is set back,
-- or while it is ahead, by lead (see ahead)
local function open_ring(text, now)
  local ring = { period = 0, epoch = 0, time = now, first = 0, total = 0, freed = 0, added = 0, slack = 0, wide = now, lead = 0 }
  if not text or #text ~= LENGTH or string.sub(text, 1, 4) ~= 'fl2:' then return ring end
  local _, period, slack, epoch, last, time, first, total, freed, wide = struct.unpack(HEAD, text)
  time, ring.lead = time + math.max(0, now - last), math.min(MOST_AHEAD, math.max(0, last - now))
  if period == 0 or slack > MOST_SLACK or math.max(epoch, time, first, total, freed, wide) >= 2 ^ 53 then return ring end
  ring.period, ring.epoch, ring.first, ring.total = period, epoch, first, total
  ring.text, ring.time, ring.freed, ring.slack, ring.wide = text, time, freed, slack, wide
  set_width(ring)
  return ring
end
