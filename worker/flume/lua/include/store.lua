-- store: write a ring; count is what the slot's cell holds from now on.
local function write_ring(key, ring, now, slot, count)
  local head = struct.pack(HEAD, 'fl2:', ring.period, ring.slack, ring.epoch, now + ring.lead, ring.time, ring.first,
    ring.total, ring.freed, ring.wide)
  if ring.text then redis.call('SETRANGE', key, 0, head)
  else redis.call('SET', key, head .. string.rep('\0', LENGTH - #head)) end
  local owned = struct.pack('<I4I4', slot % 4294967296, count)
  redis.call('SETRANGE', key, FIRST_CELL - 1 + slot % CELLS * 8, owned)
end
