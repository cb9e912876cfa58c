-- pause: how long the sources of a pause hold together, for one worker ('': for every worker).
-- Both return ms, 0 (not paused) or -1 (no end).
local function pause_left(value, now)
  local till = tonumber(string.match(value, '^(%d+) %d+ %S') or '0') -- unreadable counts as paused
  if till == 0 or till > 2 ^ 53 then return -1 end
  return math.max(0, till - now)
end

local function paused_for(pause, now, worker)
  if redis.call('HLEN', pause) == 0 then return 0 end
  local longest, all = 0, redis.call('HGETALL', pause)
  for i = 1, #all, 2 do
    local only = string.match(all[i], '^worker:(.*)$')
    if not only or only == worker then
      local left = pause_left(all[i + 1], now)
      if left < 0 then return -1 end
      longest = math.max(longest, left)
    end
  end
  return longest
end
