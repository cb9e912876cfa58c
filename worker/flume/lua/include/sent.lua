-- sent: whether a call of this lane was applied before, and the mark that it now is.
-- A lane has one call under way at a time, so its last number tells.
local function already_sent(senders, lane, number)
  local last = redis.call('HGET', senders, lane)
  return last and tonumber(string.match(last, '^%d+')) >= tonumber(number)
end

local function mark_sent(senders, lane, number, now)
  redis.call('HSET', senders, lane, string.format('%.0f %.0f', number, now))
end
