-- prune: forget what is too old, a bounded step at a time.
--
-- KEYS[1]  dead       zset   id -> buried at, ms
-- KEYS[2]  jobs       hash   id -> body
-- KEYS[3]  senders    hash   lane -> number and time of its last applied call
-- KEYS[4]  workers    hash   worker number -> seen_ms id record
-- KEYS[5]  clock      hash   cursor: where the walk over senders goes on
-- KEYS[6]  pause      hash   source -> until_ms since_ms by reason
-- ARGV[1]  most       dead jobs kept
-- ARGV[2]  age        ms a dead job is kept
-- ARGV[3]  lane_age   ms a silent lane is remembered
-- ARGV[4]  away       ms after which a silent worker's number may be given to another
-- ARGV[5]  limit      entries of each kind, at most 1,000
--
-- Returns how many dead jobs, lanes and workers were forgotten.

--@include now
--@include numbers

local dead, jobs, senders, workers, clock = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local limit = tonumber(ARGV[5])

local function older_than(value, ms)
  local at = whole(string.match(value, '(%d+)$')) or 0
  return at < now - ms
end

local over = math.min(limit, redis.call('ZCARD', dead) - ARGV[1])
local old = over > 0 and redis.call('ZRANGE', dead, 0, over - 1)
  or redis.call('ZRANGEBYSCORE', dead, '-inf', now - ARGV[2], 'LIMIT', 0, limit)
redis.call('HLEN', jobs)
local walk = redis.pcall('HSCAN', senders, redis.call('HGET', clock, 'cursor') or '0', 'COUNT', limit)
if walk.err then walk = redis.call('HSCAN', senders, '0', 'COUNT', limit) end -- no cursor of ours
local all = redis.call('HGETALL', workers) -- at most 2,048
redis.call('HLEN', KEYS[6])
redis.call('HDEL', clock, 'cursor') -- memory full refuses HSET, but not after a first write
if #old > 0 then
  redis.call('ZREM', dead, unpack(old))
  redis.call('HDEL', jobs, unpack(old))
end

local lanes, gone = 0, 0
for i = 1, #walk[2], 2 do
  if older_than(walk[2][i + 1], ARGV[3]) then lanes = lanes + redis.call('HDEL', senders, walk[2][i]) end
end
redis.call('HSET', clock, 'cursor', walk[1])
for i = 1, #all, 2 do
  local seen = whole(string.match(all[i + 1], '^(%d+) ')) -- 'next' has no space
  if all[i] ~= 'next' and (not seen or seen < now - ARGV[4]) then
    gone = gone + redis.call('HDEL', workers, all[i])
    redis.call('HDEL', KEYS[6], 'worker:' .. (string.match(all[i + 1], '^%d+ (%S+)') or ''))
  end
end
return {#old, lanes, gone}
