-- enqueue_unique: keep a new job and make it ready, unless a live job holds its unique key.
--
-- KEYS[1]  jobs       hash   id -> body
-- KEYS[2]  ready      list   ready_ms:id of this handler, oldest first
-- KEYS[3]  wake       zset   marker that wakes an idle worker of this handler
-- KEYS[4]  handlers   set    handler names of the queue
-- KEYS[5]  senders    hash   lane -> number and time of its last applied call
-- KEYS[6]  stats      hash   counters
-- KEYS[7]  unique     hash   unique key -> id and end
-- KEYS[8]  unique_of  hash   id -> unique key
-- ARGV[1]  lane       who sends; one call at a time
-- ARGV[2]  number     of the call in its lane
-- ARGV[3]  handler    name
-- ARGV[4]  unique     key that the job holds
-- ARGV[5]  hold       how long it holds the key, in ms; 0: until it ends
-- ARGV[6]  id         of the job
-- ARGV[7]  body       of the job
--
-- Returns the id of the live job that holds the unique key, or ''.

--@include now
--@include numbers
--@include sent
--@include unique

local jobs, ready, wake, handlers, senders, stats = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local unique, unique_of = KEYS[7], KEYS[8]
local lane, number, handler, key, hold, id = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]

redis.call('LLEN', ready)
redis.call('ZCARD', wake)
redis.call('SISMEMBER', handlers, handler)
redis.call('HLEN', stats)
redis.call('HLEN', unique_of)
if already_sent(senders, lane, number) then return '' end
local holder = unique_holder(unique, jobs, key, now)
if holder then return holder ~= id and holder or '' end
if redis.call('HSETNX', jobs, id, ARGV[7]) == 0 then return '' end

redis.call('RPUSH', ready, stamp .. ':' .. id)
redis.call('ZADD', wake, 0, '1')
redis.call('SADD', handlers, handler)
hold_unique(unique, unique_of, key, id, hold, now)
count(stats, 'enqueued', 1)
mark_sent(senders, lane, number, stamp)
return ''
