-- window: what a ring counts now.  A slot that the window touches in part counts whole.
local function cell(ring, slot)
  local added = slot == ring.slot and ring.added or 0 -- by this call
  if not ring.text or slot < ring.first then return added end
  local owner, count = struct.unpack('<I4I4', ring.text, FIRST_CELL + slot % CELLS * 8)
  return (owner == slot % 4294967296 and count or 0) + added -- an older slot's count needs no wiping
end

local function expire(ring)
  if not ring.text then return end
  local oldest = math.floor((ring.time - ring.window) / ring.width)
  if oldest - ring.first >= CELLS or ring.first > ring.slot then ring.total, ring.first = 0, oldest end
  for slot = ring.first, oldest - 1 do
    local count = cell(ring, slot)
    if count > 0 then ring.total, ring.freed = math.max(0, ring.total - count), slot end
  end
  ring.first = math.max(ring.first, oldest)
end
