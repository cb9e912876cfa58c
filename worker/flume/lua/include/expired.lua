-- expired: forget the pauses that are over.
local function drop_expired(pause, now)
  local all = redis.call('HGETALL', pause)
  for i = 1, #all, 2 do
    if pause_left(all[i + 1], now) == 0 then redis.call('HDEL', pause, all[i]) end
  end
end
