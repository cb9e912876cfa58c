-- lanes: the last call of each lane and what it was told, so that a resend is told the same.
local MOST_LANES, LANE_KEPT_MS = 1000, 60000
local function whole(digits) return tonumber(digits, 16) end

-- number, ms, then what the call was told
local function last_call(told)
  local text = #(told or '') <= 100 and told or ''
  local number, at, epoch, slot, n, due, lead = string.match(text, '^(%x+) (%x+) (%x+) (%x+) (%x+) (%x+) (%x+)$')
  if not number then return { number = -1, at = 0, due = 0, n = 0, lead = 0 } end
  return { number = whole(number), at = whole(at), epoch = whole(epoch), slot = whole(slot), n = whole(n),
    due = whole(due), lead = whole(lead) }
end

-- a new lane takes the place of some that are silent for long; there are never more than MOST_LANES
local function sweep_lanes(senders, now)
  local some = redis.call('HRANDFIELD', senders, 4, 'WITHVALUES')
  for i = 1, #some, 2 do
    if math.abs(now - last_call(some[i + 1]).at) > LANE_KEPT_MS then redis.call('HDEL', senders, some[i]) end
  end
end

local function remember(senders, lane, is_known, number, now, epoch, slot, n, due, lead)
  if not is_known and redis.call('HLEN', senders) >= MOST_LANES then return end
  redis.call('HSET', senders, lane, string.format('%x %x %x %x %x %x %x', number, now, epoch, slot, n, due, lead))
end
