-- pause: how long the queue's sources of a pause hold together: ms, 0 (not paused), -1 (no end).
local function paused_for(pause, now)
  if redis.call('HLEN', pause) == 0 then return 0 end
  local longest = 0
  for _, value in ipairs(redis.call('HVALS', pause)) do
    local till = tonumber(string.match(value, '^(%d+)')) or 0 -- unreadable counts as paused
    if till == 0 or till > 2 ^ 53 then return -1 end
    longest = math.max(longest, till - now)
  end
  return longest
end
