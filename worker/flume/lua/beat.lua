-- beat: say that a worker lives, and learn what housekeeping is due.
--
-- KEYS[1]  workers    hash   worker number -> seen_ms id record
-- KEYS[2]  clock      hash   beat: last one of any worker; hold: no reclaim before; prune: last one;
--                            lease, lease_until: the longest lease in use, and until when
-- KEYS[3]  scheduled  zset   id and handler -> due, ms
-- KEYS[4]  retrying   zset   id and handler -> due, ms
-- KEYS[5]  running    zset   id -> lease deadline and fence
-- KEYS[6]  settings   hash   live settings of the queue
-- KEYS[7]  handlers   set    handler names of the queue
-- KEYS[8]  pause      hash   source -> until_ms since_ms by reason
-- KEYS[9]  pauses     stream  one entry: its id is that of the last change
-- ARGV[1]  number     of this worker
-- ARGV[2]  id         of this worker
-- ARGV[3]  record     JSON for people
-- ARGV[4]  lease      ms, the longest this worker uses: its settings may change at this moment
-- ARGV[5]  away       1: this worker could not reach Redis since its last beat
-- ARGV[6]  settle     ms nobody reclaims after a silence of all: workers reconnect meanwhile
--
-- Returns whether this worker is registered, whether something is due to be
-- promoted, reclaimed and pruned (1 or 0 each), a text that changes when the
-- settings do, how many handler names the queue has, now, ms until a pause ends that
-- holds for this worker (0: not paused, -1: no end), and the id of the pauses' last change.

--@include now
--@include fence
--@include numbers
--@include pause
--@include changes
--@include longest

local workers, clock, running = KEYS[1], KEYS[2], KEYS[5]
local lease = tonumber(ARGV[4])
local record = redis.call('HGET', workers, ARGV[1])
if not record or string.match(record, '^%d+ (%S+)') ~= ARGV[2] then return {0, 0, 0, 0, '', 0, now, 0, '0-0'} end

local function due(key)
  return #redis.call('ZRANGEBYSCORE', key, '-inf', now, 'LIMIT', 0, 1) > 0
end
local scheduled, retrying = due(KEYS[3]), due(KEYS[4])
local promote = (scheduled or retrying) and 1 or 0
local expired = #redis.call('ZRANGEBYSCORE', running, '-inf', '(' .. lease_until(now, 0), 'LIMIT', 0, 1) > 0
local times = redis.call('HMGET', clock, 'beat', 'hold', 'prune', 'lease', 'lease_until')
local last, hold, pruned = whole(times[1]) or now, whole(times[2]) or 0, whole(times[3]) or 0
local most, until_ms = longest(times[4], times[5], lease, now)
local settle = math.max(ARGV[6], most > lease and math.min(most, most / 3 + 1000) or 0)
-- a deadline further off than any lease: the clock was set back, and must not keep a dead worker's job
local far = #redis.call('ZRANGEBYSCORE', running, lease_until(now + most + 5000, 0), '+inf', 'LIMIT', 0, 1) > 0
hold = math.min(hold, now + most) -- the clock was set back
if now - last > lease / 2 then hold = math.max(hold, now + settle) end
if ARGV[5] == '1' then hold = math.max(hold, now + most) end
-- pcall: what is no hash changes nothing, and the worker that reads it says so
local found = redis.pcall('HMGET', KEYS[6], 'generation', 'uid', 'spec')
local settings = found.err and 'foreign'
  or string.sub(table.concat({found[1] or '', found[2] or '', found[3] or ''}, ' '), 1, 200)
local names = redis.call('SCARD', KEYS[7])
local paused, change = paused_for(KEYS[8], now, ARGV[2]), last_change(KEYS[9])
local prune = (now - pruned > 10000 or pruned > now) and 1 or 0
if prune == 1 then pruned = now end

redis.call('HDEL', workers, ARGV[1]) -- memory full refuses HSET, but not after a first write
redis.call('HSET', workers, ARGV[1], string.format('%.0f %s %s', now, ARGV[2], ARGV[3]))
redis.call('HSET', clock, 'beat', string.format('%.0f', now), 'hold', string.format('%.0f', hold),
  'prune', string.format('%.0f', pruned), 'lease', string.format('%.0f', most),
  'lease_until', string.format('%.0f', until_ms))
local reclaim = ((expired and now >= hold) or far) and 1 or 0
return {1, promote, reclaim, prune, settings, names, now, paused, change}
