-- claim_batch: lease the oldest ready jobs of one handler, once they fill a batch or its time is up.
--
-- KEYS[1]  pause      hash   source -> until_ms and more
-- KEYS[2]  jobs       hash   id -> body
-- KEYS[3]  running    zset   id -> lease deadline and fence
-- KEYS[4]  suspects   hash   id -> crashes while alone
-- KEYS[5]  alone      list   ready_ms:id handler, of suspects that wait
-- KEYS[6]  clock      hash   turn: the busy worker that is to run the next suspect
-- KEYS[7…] ready, wake  list, zset  a pair for each batch handler the worker has
-- ARGV[1]  fence      worker number and sequence of this claim
-- ARGV[2]  limit      batches; 0: only wake those who may take them
-- ARGV[3]  lease      ms
-- ARGV[4]  room       bytes of bodies in the reply; the first job always fits
-- ARGV[5]  holds      jobs the worker holds now
-- ARGV[6]  again      1: the reply of this very claim was lost
-- ARGV[7]  worker     id: a pause may be its own
-- ARGV[8]  size       jobs that fill a batch, at most 1,000
-- ARGV[9]  timeout    ms that a job waits for others
--
-- Returns what claim returns (whole batches of one handler, 1,000 jobs at most;
-- the last batch is short where it was due, or where the reply has no more
-- room), and the ms until the first open batch is due (0: none is open).

--@include now
--@include fence
--@include pause
--@include alone
--@include again
--@include oldest
--@include suspect
--@include heads
--@include gather
--@include lease
--@include wake

local pause, jobs, running, suspects, alone, clock = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local fence, limit, lease_ms, holds = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[5])
local size, timeout = tonumber(ARGV[8]), tonumber(ARGV[9])
local score = lease_until(now + lease_ms, fence)

if ARGV[6] == '1' then
  local ids, bodies, is_suspect = held_by(running, jobs, suspects, fence, score)
  if #ids > 0 then return {now, 0, is_suspect, now, ids, bodies, 0} end
end
local waits = paused_for(pause, now, ARGV[7])
if waits ~= 0 then return pass_on(7, clock, {now, waits, 0, 0, {}, {}, 0}) end
redis.call('HLEN', jobs) -- a key of the wrong type is refused here, before the first write
redis.call('ZCARD', running)
for i = 8, #KEYS, 2 do redis.call('ZCARD', KEYS[i]) end
local lists = heads(7, #KEYS)
local alone_now = claim_suspect(alone, jobs, running, suspects, clock, score, fence, holds, lease_ms)
if alone_now then return alone_now end

local ids, bodies, since, closes, leases = {}, {}, now, math.huge, {}
local most = math.min(limit, math.max(1, math.floor(1000 / size))) * size
for _, head in ipairs(lists) do
  local place, first, take = head.place, head.since, 0
  if most > 0 and (now - first >= timeout or redis.call('LLEN', KEYS[place]) >= size) then
    local got, seen = gather(KEYS[place], jobs, most, tonumber(ARGV[4]))
    ids, bodies, first, take = got.ids, got.bodies, got.since, #got.ids - #got.ids % size
    if take == 0 and (got.is_cut or now - first >= timeout) then take = #ids end
    local gone = take == 0 and (#ids > 0 and (got.upto[1] or 1) - 1 or seen) or got.upto[take] or take
    if gone > 0 then redis.call('LTRIM', KEYS[place], gone, -1) end -- memory full never refuses it
    for i = #ids, take + 1, -1 do ids[i], bodies[i] = nil, nil end
  end
  if take > 0 then since = first break end
  if redis.call('LLEN', KEYS[place]) > 0 then closes = math.min(closes, math.max(1, first + timeout - now)) end
end
for i = 1, #ids do leases[2 * i - 1], leases[2 * i] = score, ids[i] end
local reply = {now, 0, 0, since, ids, bodies, closes < math.huge and closes or 0}
if limit == 0 then return pass_on(7, clock, reply) end
if #ids > 0 then
  lease(running, leases, ids, bodies)
  wake_next(7)
end
return reply
