-- ring: the grants of a limit's window, counted by slot: a head, then a slot and a count per cell.
local CELLS, SLACK_MS, HEAD = 160, 20, '<c4I4I8I8I8I8I8I8' -- at most 132 slots lie in a window
local FIRST_CELL, LENGTH = 57, 56 + 160 * 8

local function set_width(ring) -- 128 slots a period, of 8 ms at least
  ring.width, ring.window = math.ceil(ring.period / 128), ring.period + SLACK_MS
  ring.slot = math.floor(ring.time / ring.width)
end

-- time is a clock of our own: it moves with Redis' and stands still at the moment that one is set back
local function open_ring(text, now)
  local ring = { period = 0, epoch = 0, time = now, first = 0, total = 0, freed = 0, added = 0 }
  if not text or #text ~= LENGTH or string.sub(text, 1, 4) ~= 'fl1:' then return ring end
  local _, period, epoch, last, time, first, total, freed = struct.unpack(HEAD, text)
  time = time + math.max(0, now - last)
  if period == 0 or math.max(epoch, time, first, total, freed) >= 2 ^ 53 then return ring end
  ring.period, ring.epoch, ring.first, ring.total = period, epoch, first, total
  ring.text, ring.time, ring.freed = text, time, freed
  set_width(ring)
  return ring
end
