-- heads: the lists that have jobs, the one with the oldest head first, and since when that waits.
local function ready_since(entry)
  local ms = tonumber(string.match(entry, '^%d+')) or 0
  return ms > now and 0 or ms -- the clock was set back since then: it has waited longest
end

local function heads(first, last)
  local found = {}
  for i = first, last, 2 do
    local head = redis.call('LINDEX', KEYS[i], 0)
    if head then found[#found + 1] = { place = i, since = ready_since(head) } end
  end
  table.sort(found, function(one, other) return one.since < other.since end)
  return found
end
