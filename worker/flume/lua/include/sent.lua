-- sent: whether a call of this lane was applied before, and the mark that it now is.
-- A lane has one call under way at a time, so its last number tells.
local function already_sent(senders, lane, number)
  local last = redis.call('HGET', senders, lane)
  return last and (whole(string.match(last, '^%d+')) or 0) >= tonumber(number)
end

local function mark_sent(senders, lane, number, stamp)
  redis.call('HSET', senders, lane, number .. ' ' .. stamp)
end
