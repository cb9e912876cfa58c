-- counts: how many jobs are in each state, by one clock and at one moment.
--
-- KEYS[1]  scheduled  zset   id and handler -> due, ms
-- KEYS[2]  retrying   zset   id and handler -> due, ms
-- KEYS[3]  running    zset   id -> lease deadline and fence
-- KEYS[4]  dead       zset   id -> buried at, ms
-- KEYS[5]  alone      list   ready_ms:id handler, of suspects that wait
-- KEYS[6]  stats      hash   counters
-- KEYS[7]  pause      hash   source -> until_ms and more
-- KEYS[8…] ready      list   one for each handler name of the queue
--
-- Returns now, scheduled, retrying, running, dead, suspects that wait, ms until
-- a pause ends (0: not paused, -1: no end), the counters as field and value in
-- turn, and for each handler how many are ready and since when the oldest is
-- (ms; 0: none).

--@include now
--@include pause
--@include numbers

local ready, totals, stats = {}, {}, redis.call('HGETALL', KEYS[6])
for i = 1, #stats, 2 do
  local total = whole(stats[i + 1]) -- what is no number was not written by us
  if total then
    totals[#totals + 1] = stats[i]
    totals[#totals + 1] = total
  end
end
for i = 8, #KEYS do
  local head = redis.call('LINDEX', KEYS[i], 0)
  ready[#ready + 1] = redis.call('LLEN', KEYS[i])
  ready[#ready + 1] = head and math.min(now, tonumber(string.match(head, '^%d+')) or now) or 0
end
return {now, redis.call('ZCARD', KEYS[1]), redis.call('ZCARD', KEYS[2]), redis.call('ZCARD', KEYS[3]),
  redis.call('ZCARD', KEYS[4]), redis.call('LLEN', KEYS[5]), paused_for(KEYS[7], now, ''),
  totals, ready}
