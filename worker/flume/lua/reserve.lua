-- reserve: take tokens of a rate limit: rights to start jobs within a slack from now.
--
-- KEYS[1]  ring        string  the grants of the window, by slot
-- KEYS[2]  callers     hash    queue -> its definition, and what it was granted
-- KEYS[3]  senders     hash    lane -> its last call, and what that was told
-- ARGV[1]  queue       that asks
-- ARGV[2]  lane        who asks; one call at a time
-- ARGV[3]  number      of the call in its lane
-- ARGV[4]  want        most tokens to take
-- ARGV[5]  step        take a multiple of it (or, where less is allowed at all, that)
-- ARGV[6]  count       what the queue's own settings allow in a period
-- ARGV[7]  period      ms
-- ARGV[8]  generation  of those settings
-- ARGV[9]  slack       ms in which the caller starts its jobs, from before it asked
--
-- Returns how many were taken, the epoch and slot that a refund must name, in
-- how many ms it is worthwhile to ask for the rest (0: nothing is missing), the
-- count and period in force, whether they are not the queue's own (1 or 0), and
-- now.

--@include now
--@include ring
--@include slack
--@include window
--@include store
--@include epoch
--@include callers
--@include due
--@include strictest
--@include usage
--@include shares
--@include places
--@include promise
--@include fair
--@include note
--@include lanes

local ring_key, callers, senders = KEYS[1], KEYS[2], KEYS[3]
local queue, lane, number = ARGV[1], ARGV[2], tonumber(ARGV[3])

local ring = open_ring(redis.call('GET', ring_key), now)
local all, stale, me = read_callers(redis.call('HGETALL', callers), queue, ring.time)
local told = redis.call('HGET', senders, lane)
local last = last_call(told)
local is_new = define_caller(me, tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), ring.time)
local count, period = strictest(all, tonumber(ARGV[6]), tonumber(ARGV[7]))
local mismatch = differs(me, count, period)
if last.number == number and last.epoch then -- its first reply was lost
  return {last.n, last.epoch, last.slot, math.max(0, last.due - ring.time), count, period, mismatch, now}
end

widen(ring, tonumber(ARGV[9]))
expire(ring)
set_period(ring, period, time[1] * 1000000 + time[2])
local free = math.max(0, count - ring.total)
local want = tonumber(ARGV[4])
local step = math.max(1, math.min(tonumber(ARGV[5]), want, count))
local part, waiting = fair_part(all, me, ring, free)
local n = math.max(0, math.min(want, free, part))
n = n - n % step
ring.total, ring.added = ring.total + n, ring.added + n

local due = 0 -- when to ask again, by the ring's clock
if n <= want - step then
  due = promise(me, ring, last, n, want, step, free, count - ring.total, waiting)
  if starves(me, ring) then due = math.min(due, ring.time + 500) end
end
note(me, ring, n, due, waiting)

redis.call('HDEL', callers, '', unpack(stale)) -- first: memory full refuses what follows as a first write
write_ring(ring_key, ring, now, ring.slot, cell(ring, ring.slot))
write_caller(callers, queue, me)
if not told then sweep_lanes(senders, now) end
remember(senders, lane, told, number, now, ring.epoch, ring.slot, n, due)
if is_new then
  for _, key in ipairs({ ring_key, callers, senders }) do redis.call('PEXPIRE', key, ring.window + 7200000) end
end
return {n, ring.epoch, ring.slot, due > 0 and due - ring.time or 0, count, period, mismatch, now}
