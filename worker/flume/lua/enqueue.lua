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

local jobs, ready, wake, handlers, senders, stats = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local lane, number = ARGV[1], ARGV[2]

local call = redis.call -- looked up once: this script runs for each job that is handed in alone

-- every read that can refuse a key of the wrong type comes before the first write
call('LLEN', ready)
call('HLEN', stats)
local is_marked = call('ZCARD', wake) > 0
local is_named = call('SISMEMBER', handlers, ARGV[3]) == 1
if already_sent(senders, lane, number) then return 0 end

local entries, added = {}, 0
for i = 4, #ARGV, 2 do
  -- the first of these is what memory full refuses, and with it the whole call
  if call('HSETNX', jobs, ARGV[i], ARGV[i + 1]) == 1 then
    added = added + 1
    entries[added] = stamp .. ':' .. ARGV[i]
  end
end
if added == 0 then return 0 end
call('RPUSH', ready, unpack(entries))
if not is_marked then call('ZADD', wake, 0, '1') end
if not is_named then call('SADD', handlers, ARGV[3]) end
count(stats, 'enqueued', added)
mark_sent(senders, lane, number, stamp)
return added
