-- schedule: keep new jobs of one handler until they are due.
--
-- KEYS[1]  jobs       hash   id -> body
-- KEYS[2]  scheduled  zset   id and handler -> due, ms
-- KEYS[3]  handlers   set    handler names of the queue
-- KEYS[4]  senders    hash   lane -> number and time of its last applied call
-- KEYS[5]  stats      hash   counters
-- KEYS[6]  unique     hash   unique key -> id and end
-- KEYS[7]  unique_of  hash   id -> unique key
-- ARGV[1]  lane       who sends; one call at a time
-- ARGV[2]  number     of the call in its lane
-- ARGV[3]  handler    name
-- ARGV[4]  unique     key that the one job of this call holds, or ''
-- ARGV[5]  hold       how long it holds the key, in ms; 0: until it ends
-- ARGV[6]  due        when, in ms since 1970, or '' to count from now
-- ARGV[7]  wait       ms from now, where due is ''
-- ARGV[8…] id, body   one pair per job, at most 1,000
--
-- Returns the id of the live job that holds the unique key, or ''.

--@include now
--@include numbers
--@include sent
--@include unique

local jobs, scheduled, handlers, senders, stats = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local unique, unique_of = KEYS[6], KEYS[7]
local lane, number, handler, key = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local due = string.format('%.0f', ARGV[6] ~= '' and tonumber(ARGV[6]) or now + ARGV[7])

redis.call('ZCARD', scheduled)
redis.call('SISMEMBER', handlers, handler)
redis.call('HLEN', stats)
if already_sent(senders, lane, number) then return '' end
if key ~= '' then
  redis.call('HLEN', unique_of)
  local holder = unique_holder(unique, jobs, key, now)
  if holder then return holder ~= ARGV[8] and holder or '' end
end

local added = 0
for i = 8, #ARGV, 2 do
  if redis.call('HSETNX', jobs, ARGV[i], ARGV[i + 1]) == 1 then
    redis.call('ZADD', scheduled, due, ARGV[i] .. ' ' .. handler)
    added = added + 1
  end
end
if added == 0 then return '' end
redis.call('SADD', handlers, handler)
if key ~= '' then hold_unique(unique, unique_of, key, ARGV[8], ARGV[5], now) end
count(stats, 'scheduled', added)
mark_sent(senders, lane, number, stamp)
return ''
