-- enqueue: keep new jobs of one handler and make them ready.
--
-- KEYS[1]  jobs       hash   id -> body
-- KEYS[2]  ready      list   ready_ms:id of this handler, oldest first
-- KEYS[3]  wake       zset   marker that wakes an idle worker of this handler
-- KEYS[4]  handlers   set    handler names of the queue
-- KEYS[5]  senders    hash   lane -> number and time of its last applied call
-- KEYS[6]  stats      hash   counters
-- ARGV[1]  lane       who sends; one call at a time
-- ARGV[2]  number     of the call in its lane
-- ARGV[3]  handler    name
-- ARGV[4…] id, body   one pair per job, at most 1,000
--
-- Returns how many jobs are new.

--@include now
--@include numbers
--@include sent
--@include fresh

local jobs, ready, wake, handlers, senders, stats = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local lane, number = ARGV[1], ARGV[2]

-- every read that can refuse a key of the wrong type comes before the first write
redis.call('LLEN', ready)
redis.call('HLEN', stats)
local is_marked = redis.call('ZCARD', wake) > 0
local is_named = redis.call('SISMEMBER', handlers, ARGV[3]) == 1
if already_sent(senders, lane, number) then return 0 end

local added = 1
if #ARGV == 5 then -- one job: the call that somebody waits for
  if redis.call('HSETNX', jobs, ARGV[4], ARGV[5]) == 0 then return 0 end
  redis.call('RPUSH', ready, stamp .. ':' .. ARGV[4])
else
  local bodies, entries = fresh(jobs, stamp, 4)
  added = #entries
  if added == 0 then return 0 end
  redis.call('HSET', jobs, unpack(bodies)) -- first: memory full refuses the whole call here
  redis.call('RPUSH', ready, unpack(entries))
end
if not is_marked then redis.call('ZADD', wake, 0, '1') end
if not is_named then redis.call('SADD', handlers, ARGV[3]) end
count(stats, 'enqueued', added)
mark_sent(senders, lane, number, stamp)
return added
