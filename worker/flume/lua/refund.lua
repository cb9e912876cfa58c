-- refund: give back tokens that were taken and not used.
--
-- KEYS[1]  ring      string  the grants of the window, by slot
-- KEYS[2]  callers   hash    queue -> its definition, and what it was granted
-- KEYS[3]  senders   hash    lane -> its last call, and what that was told
-- ARGV[1]  queue     that took them
-- ARGV[2]  lane      who gives back; one call at a time
-- ARGV[3]  number    of the call in its lane
-- ARGV[4]  epoch     of the grant
-- ARGV[5]  slot      of the grant
-- ARGV[6]  n         tokens, no more than were taken and not given back
--
-- Returns how many are free again; 0 where the window has left the grant behind.

--@include now
--@include ring
--@include window
--@include store
--@include callers
--@include give_back
--@include lanes

local ring_key, callers, senders = KEYS[1], KEYS[2], KEYS[3]
local queue, lane, number = ARGV[1], ARGV[2], tonumber(ARGV[3])
local epoch, slot = tonumber(ARGV[4]), tonumber(ARGV[5])

local ring = open_ring(redis.call('GET', ring_key), now)
local found = redis.call('HGET', callers, queue)
local told = redis.call('HGET', senders, lane)
local last = last_call(told)
if last.number >= number then return last.number == number and last.n or 0 end
-- a call that cannot be remembered could be applied twice
if not told and redis.call('HLEN', senders) >= MOST_LANES then
  sweep_lanes(senders, now)
  return 0
end
expire(ring)
if not ring.text or ring.epoch ~= epoch or slot < ring.first or slot > ring.slot then return 0 end

local there = cell(ring, slot)
local n = math.max(0, math.min(tonumber(ARGV[6]), there))
ring.total = math.max(0, ring.total - n)
redis.call('HDEL', callers, '') -- first: memory full refuses what follows as a first write
write_ring(ring_key, ring, now, slot, there - n)
if found then
  local caller = select(3, read_callers({ queue, found }, queue, ring.time))
  give_back(caller, ring, slot, n)
  write_caller(callers, queue, caller)
end
if not told then sweep_lanes(senders, now) end
remember(senders, lane, told, number, now, epoch, slot, n, last.due, 0)
return n
