-- reserve: take tokens of a rate limit: rights to start jobs within a slack from now, or from soon.
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
-- ARGV[10] ahead       ms for which it waits with the tokens, rather than for them
--
-- Returns how many were taken, the epoch and slot that a refund must name, in
-- how many ms it is worthwhile to ask for the rest (0: nothing is missing), the
-- count and period in force, whether they are not the queue's own (1 or 0), now,
-- and in how many ms the jobs may start.

--@include now
--@include ring
--@include slack
--@include window
--@include store
--@include epoch
--@include ahead
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
  return {last.n, last.epoch, last.slot, math.max(0, last.due - ring.time), count, period, mismatch, now, math.max(0, last.at + last.lead - now)}
end

widen(ring, tonumber(ARGV[9]))
expire(ring)
set_period(ring, period, time[1] * 1000000 + time[2])
local want, ahead = tonumber(ARGV[4]), tonumber(ARGV[10])
local step = math.max(1, math.min(tonumber(ARGV[5]), want, count))
local free = free_ahead(ring, count, want, step, ahead)
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
remember(senders, lane, told, number, now, ring.epoch, ring.slot, n, due, ring.lead)
if is_new then
  for _, key in ipairs({ ring_key, callers, senders }) do redis.call('PEXPIRE', key, ring.window + 7200000) end
end
local wait = due > 0 and math.max(1, due - ring.time + ring.lead - math.max(0, ahead - 2)) or 0
return {n, ring.epoch, ring.slot, wait, count, period, mismatch, now, ring.lead}
