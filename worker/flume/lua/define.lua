-- define: write what one queue's settings say about a rate limit.
--
-- KEYS[1]  ring        string  the grants of the window, by slot
-- KEYS[2]  callers     hash    queue -> its definition, and what it was granted
-- ARGV[1]  queue       whose settings they are
-- ARGV[2]  count       tokens in a period; 0: the queue uses this limit no more
-- ARGV[3]  period      ms
-- ARGV[4]  generation  of the settings; a lower one than that which is known changes nothing
--
-- Returns the count and period in force (0: no queue uses the limit), whether
-- they are not the queue's own, and whether they are not another queue's own (1 or 0).

--@include now
--@include ring
--@include callers
--@include strictest

local ring_key, callers = KEYS[1], KEYS[2]
local queue = ARGV[1]

local ring = open_ring(redis.call('GET', ring_key), now)
local all, stale, me = read_callers(redis.call('HGETALL', callers), queue, ring.time)
define_caller(me, tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), ring.time)
local count, period = strictest(all, 0, 0)
redis.call('HDEL', callers, '', unpack(stale)) -- first: memory full refuses what follows as a first write
write_caller(callers, queue, me)
redis.call('PEXPIRE', callers, math.max(period, ring.period) + 7200000)
local others = 0
for name, caller in pairs(all) do
  if name ~= queue and caller[COUNT] > 0 then others = math.max(others, differs(caller, count, period)) end
end
return {count, period, me[COUNT] > 0 and differs(me, count, period) or 0, others}
