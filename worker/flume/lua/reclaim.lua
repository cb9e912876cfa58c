-- reclaim: take back jobs whose lease has ended.
--
-- KEYS[1]  running    zset   id -> lease deadline and fence
-- KEYS[2]  jobs       hash   id -> body
-- KEYS[3]  workers    hash   worker number -> seen_ms id record
-- KEYS[4]  clock      hash   hold: no reclaim before; lease, lease_until: the longest lease in use
-- KEYS[5]  suspects   hash   id -> crashes while alone
-- KEYS[6]  alone      list   ready_ms:id handler, of suspects that wait
-- KEYS[7]  dead       zset   id -> buried at, ms
-- KEYS[8]  stats      hash   counters
-- KEYS[9]  unique     hash   unique key -> id and end
-- KEYS[10] unique_of  hash   id -> unique key
-- KEYS[11…] ready, wake  list, zset  a pair for each handler name of the queue
-- ARGV[1]  limit      jobs, at most 200
-- ARGV[2]  lease      ms
-- ARGV[3]  silence    ms without a beat after which a worker counts as dead
-- ARGV[4]  crashes    while alone, after which a job is buried
--
-- Returns how many were looked at, and the ids that became suspects, that were
-- released (their worker lives: a job past its timeout, a stopped heartbeat)
-- and that were buried.  A job whose handler is not among the names that the
-- caller knew is looked at again soon.

--@include now
--@include fence
--@include numbers
--@include unique
--@include requeue
--@include near
--@include crash
--@include longest

local running, jobs, workers, clock, suspects, alone = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local stats, lists, charged, released, buried = KEYS[8], {}, {}, {}, {}

for i = 11, #KEYS, 2 do
  redis.call('LLEN', KEYS[i])
  redis.call('ZCARD', KEYS[i + 1])
  lists[string.match(KEYS[i], '}:ready:(.*)$')] = { ready = KEYS[i], wake = KEYS[i + 1], ids = {} }
end
redis.call('LLEN', alone)
redis.call('ZCARD', KEYS[7])
for _, hash in ipairs({ jobs, workers, suspects, stats, KEYS[9], KEYS[10] }) do redis.call('HLEN', hash) end
local times = redis.call('HMGET', clock, 'beat', 'hold', 'lease', 'lease_until')
bring_near(running, now, (longest(times[3], times[4], ARGV[2], now)))
-- a silence of all: this call waited while Redis stood still, and the next beat will set a hold
local is_silent = now - (whole(times[1]) or now) > ARGV[2] / 2
if is_silent or now < (whole(times[2]) or 0) then return {0, {}, {}, {}} end

local expired = redis.call('ZRANGEBYSCORE', running, '-inf', '(' .. lease_until(now, 0), 'WITHSCORES', 'LIMIT', 0, ARGV[1])
for i = 1, #expired, 2 do
  local id, fence, body = expired[i], fence_of(expired[i + 1]), redis.call('HGET', jobs, expired[i])
  local record = redis.call('HGET', workers, math.floor(fence / 256))
  local lives = (whole(string.match(record or '', '^%d+')) or 0) >= now - ARGV[3]
  local handler = handler_of(body)
  local list = lists[handler or '']
  redis.call('ZREM', running, id)
  if not body then
    redis.call('HDEL', suspects, id) -- cancelled
  elseif not handler or #id ~= 32 or string.find(id, '%X') then
    bury_unread(id, now, buried)
  elseif not list then
    redis.call('ZADD', running, lease_until(now + AGAIN_MS, fence), id)
  elseif lives and redis.call('HEXISTS', suspects, id) == 0 then
    table.insert(list.ids, id)
    released[#released + 1] = id
  elseif not lives and charge(id, body, tonumber(ARGV[4]), now) then
    buried[#buried + 1] = id
  else
    redis.call('RPUSH', alone, string.format('%.0f:%s %s', now, id, handler))
    redis.call('ZADD', list.wake, 0, '1')
    table.insert(lives and released or charged, id)
  end
end
for _, list in pairs(lists) do requeue(list.ready, list.wake, list.ids, now) end
release_unique(KEYS[9], KEYS[10], buried)
local taken = #charged + #released + #buried
if #buried > 0 then count(stats, 'buried', #buried) end
if taken > 0 then count(stats, 'reclaimed', taken) end
return {#expired / 2, charged, released, buried}
