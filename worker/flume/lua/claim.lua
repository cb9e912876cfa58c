-- claim: lease the oldest ready jobs to a worker.
--
-- KEYS[1]  pause      hash   source -> until_ms and more
-- KEYS[2]  jobs       hash   id -> body
-- KEYS[3]  running    zset   id -> lease deadline and fence
-- KEYS[4]  suspects   hash   id -> crashes while alone
-- KEYS[5]  alone      list   ready_ms:id handler, of suspects that wait
-- KEYS[6]  clock      hash   turn: the busy worker that is to run the next suspect
-- KEYS[7…] ready, wake  list, zset  a pair for each handler the worker has
-- ARGV[1]  fence      worker number and sequence of this claim
-- ARGV[2]  limit      jobs, at most 1,000
-- ARGV[3]  lease      ms
-- ARGV[4]  room       bytes of bodies in the reply; the first job always fits
-- ARGV[5]  holds      jobs the worker holds now
-- ARGV[6]  again      1: the reply of this very claim was lost
-- ARGV[7]  worker     id: a pause may be its own
--
-- Returns now, ms until a pause ends (0: not paused, -1: no end), what to do
-- about suspects (0 nothing, 1 the one job of this reply runs alone, 2 take no
-- more until you hold nothing: a suspect waits for you), when the first of the
-- jobs became ready, ids, bodies.

--@include now
--@include fence
--@include pause
--@include alone
--@include again
--@include oldest
--@include suspect
--@include take
--@include lease
--@include wake

local pause, jobs, running, suspects, alone, clock = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local fence, want, room, holds = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[4]), tonumber(ARGV[5])
local score = lease_until(now + ARGV[3], fence)
local lists = (#KEYS - 6) / 2
if ARGV[6] == '1' then
  local ids, bodies, is_suspect = held_by(running, jobs, suspects, fence, score)
  if #ids > 0 then return {now, 0, is_suspect, now, ids, bodies} end
end
local waits = paused_for(pause, now, ARGV[7])
if waits ~= 0 then return pass_on(7, clock, {now, waits, 0, 0, {}, {}}) end
redis.call('HLEN', jobs) -- a key of the wrong type is refused here, before the first write
redis.call('ZCARD', running)
for i = 8, #KEYS, 2 do redis.call('ZCARD', KEYS[i]) end

local reply = claim_suspect(alone, jobs, running, suspects, clock, score, fence, holds, ARGV[3])
if reply then return reply end

local ids, bodies, since, used, average = {}, {}, 0, 0, 65536 -- a first guess that 64 fill 4 MiB
for _ = 1, 64 + 2 * lists do
  if want <= 0 or (used >= room and #ids > 0) then break end
  local ready, head = oldest(7, #KEYS)
  if not ready then break end
  local chunk = math.min(want, math.ceil(want / lists), math.floor((room - used) / average))
  local entries = redis.call('LRANGE', ready, 0, math.max(chunk, 1) - 1)
  local leases, taken, bytes = take(entries, jobs, score, room - used, ids, bodies)
  if taken == 0 then break end
  redis.call('LTRIM', ready, taken, -1) -- first: memory full never refuses it, nor what follows
  lease(running, leases, ids, bodies)
  if since == 0 then since = head end
  used, want = used + bytes, want - #leases / 2
  average = math.max(64, used / math.max(1, #ids))
end
wake_next(7)
return {now, 0, 0, since > 0 and since or now, ids, bodies}
