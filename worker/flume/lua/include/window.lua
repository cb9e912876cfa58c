-- window: what a ring counts now.  A slot that the window touches in part counts whole.
local function cell(ring, slot)
  if not ring.text or slot < ring.first then return 0 end
  local owner, count = struct.unpack('<I4I4', ring.text, FIRST_CELL + slot % CELLS * 8)
  return owner == slot % 4294967296 and count or 0 -- an older slot's count needs no wiping
end

local function expire(ring)
  if not ring.text then return end
  local oldest = math.floor((ring.time - ring.window) / ring.width)
  if oldest - ring.first >= CELLS or ring.first > ring.slot then ring.total, ring.first = 0, oldest end
  for slot = ring.first, oldest - 1 do ring.total = math.max(0, ring.total - cell(ring, slot)) end
  ring.first = math.max(ring.first, oldest)
end

-- count is what the slot's cell holds from now on
local function write_ring(key, ring, now, slot, count)
  local head = struct.pack(HEAD, 'fl1:', ring.period, ring.epoch, now, ring.time, ring.first, ring.total)
  if not ring.text then redis.call('SET', key, head .. string.rep('\0', LENGTH - #head)) end
  if ring.text then redis.call('SETRANGE', key, 0, head) end
  local owned = struct.pack('<I4I4', slot % 4294967296, count)
  redis.call('SETRANGE', key, FIRST_CELL - 1 + slot % CELLS * 8, owned)
end
