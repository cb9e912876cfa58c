-- enqueue: keep new jobs of one handler and make them ready.
--
-- KEYS[1]  jobs       hash   id -> body
-- KEYS[2]  ready      list   ready_ms:id of this handler, oldest first
-- KEYS[3]  wake       zset   marker that wakes an idle worker of this handler
-- KEYS[4]  handlers   set    handler names of the queue
-- KEYS[5]  senders    hash   lane -> number and time of its last applied call
-- KEYS[6]  stats      hash   counters
-- KEYS[7]  unique     hash   unique key -> id and end
-- KEYS[8]  unique_of  hash   id -> unique key
-- KEYS[9]  settings   hash   live settings of the queue
-- KEYS[10] workers    hash   workers of the queue
-- ARGV[1]  lane       who sends; one call at a time
-- ARGV[2]  number     of the call in its lane
-- ARGV[3]  handler    name
-- ARGV[4]  unique     key that the one job of this call holds, or ''
-- ARGV[5]  hold       how long it holds the key, in ms; 0: until it ends
-- ARGV[6…] id, body   one pair per job, at most 1,000
--
-- Returns whether anyone has configured or serves the queue (1 or 0), and the
-- id of the live job that holds the unique key, or ''.

--@include now
--@include sent
--@include unique

local jobs, ready, wake, handlers, senders, stats = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local unique, unique_of = KEYS[7], KEYS[8]
local lane, number, handler, key = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local known = redis.call('EXISTS', KEYS[9], KEYS[10]) > 0 and 1 or 0

-- every read that can refuse a key of the wrong type comes before the first write
redis.call('LLEN', ready)
redis.call('ZCARD', wake)
redis.call('SISMEMBER', handlers, handler)
redis.call('HLEN', stats)
if already_sent(senders, lane, number) then return {known, ''} end
if key ~= '' then
  redis.call('HLEN', unique_of)
  local holder = unique_holder(unique, jobs, key, now)
  if holder then return {known, holder ~= ARGV[6] and holder or ''} end
end

local ids = {}
for i = 6, #ARGV, 2 do ids[#ids + 1] = ARGV[i] end
local kept = redis.call('HMGET', jobs, unpack(ids))
local pairs_, entries = {}, {}
for i = 1, #ids do
  if not kept[i] then
    pairs_[#pairs_ + 1] = ids[i]
    pairs_[#pairs_ + 1] = ARGV[2 * i + 5]
    entries[#entries + 1] = string.format('%.0f:', now) .. ids[i]
  end
end
if #entries == 0 then return {known, ''} end

redis.call('HSET', jobs, unpack(pairs_)) -- first: memory full refuses the whole call here
redis.call('RPUSH', ready, unpack(entries))
redis.call('ZADD', wake, 0, '1')
redis.call('SADD', handlers, handler)
if key ~= '' then
  local till = ARGV[5] == '0' and 0 or now + ARGV[5]
  redis.call('HSET', unique, key, string.format('%s %.0f', ids[1], till))
  redis.call('HSET', unique_of, ids[1], key)
end
redis.call('HINCRBY', stats, 'enqueued', #entries)
if known == 0 then redis.call('HINCRBY', stats, 'unconfigured', #entries) end
mark_sent(senders, lane, number, now)
return {known, ''}
