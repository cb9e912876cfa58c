-- reclaim: take back jobs whose lease has ended.
--
-- KEYS[1]  running    zset   id -> lease deadline and fence
-- KEYS[2]  jobs       hash   id -> body
-- KEYS[3]  workers    hash   worker number -> seen_ms id record
-- KEYS[4]  clock      hash   hold: no reclaim before
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
-- and that were buried.

--@include now
--@include fence
--@include unique
--@include requeue
--@include crash

local running, jobs, workers, clock, suspects, alone = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local stats = KEYS[8]
local lists, wakes, charged, released, buried = {}, {}, {}, {}, {}

for i = 11, #KEYS, 2 do
  redis.call('LLEN', KEYS[i])
  redis.call('ZCARD', KEYS[i + 1])
  lists[string.match(KEYS[i], ':ready:(.+)$')] = { ready = KEYS[i], wake = KEYS[i + 1], ids = {} }
end
redis.call('LLEN', alone)
redis.call('HLEN', suspects)
redis.call('HLEN', stats)
redis.call('ZCARD', KEYS[7])
redis.call('HLEN', KEYS[9])
redis.call('HLEN', KEYS[10])
bring_near(running, now, ARGV[2])
if now < (tonumber(redis.call('HGET', clock, 'hold')) or 0) then return {0, {}, {}, {}} end

local expired = redis.call('ZRANGEBYSCORE', running, '-inf', '(' .. lease_until(now, 0), 'WITHSCORES', 'LIMIT', 0, ARGV[1])
for i = 1, #expired, 2 do
  local id, body = expired[i], redis.call('HGET', jobs, expired[i])
  local worker = math.floor(expired[i + 1] % FENCES / 256)
  local seen = tonumber(string.match(redis.call('HGET', workers, worker) or '', '^%d+')) or 0
  local list = lists[handler_of(body) or '']
  redis.call('ZREM', running, id)
  if body and not list then
    bury_unread(id, now, buried)
  elseif body and seen >= now - ARGV[3] then
    table.insert(list.ids, id)
    released[#released + 1] = id
  elseif body and charge(id, body, tonumber(ARGV[4]), now) then
    buried[#buried + 1] = id
  elseif body then
    redis.call('RPUSH', alone, string.format('%.0f:%s %s', now, id, handler_of(body)))
    redis.call('ZADD', list.wake, 0, '1')
    charged[#charged + 1] = id
  end
end
for _, list in pairs(lists) do requeue(list.ready, list.wake, list.ids, now) end
release_unique(KEYS[9], KEYS[10], buried)
if #buried > 0 then redis.call('HINCRBY', stats, 'buried', #buried) end
if #expired > 0 then redis.call('HINCRBY', stats, 'reclaimed', #expired / 2) end
return {#expired / 2, charged, released, buried}
