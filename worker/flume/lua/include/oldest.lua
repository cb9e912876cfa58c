-- oldest: which of the lists has the oldest head, and since when that is ready.
local function oldest(first, last)
  local found, since = nil, math.huge
  for i = first, last, 2 do
    local head = redis.call('LINDEX', KEYS[i], 0)
    local ms = head and (tonumber(string.match(head, '^%d+')) or 0)
    if ms and ms > now then ms = 0 end -- the clock was set back since then: it has waited longest
    if ms and ms < since then found, since = KEYS[i], ms end
  end
  return found, since
end
