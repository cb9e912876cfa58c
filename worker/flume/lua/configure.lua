-- configure: write what an owner says about a queue, unless somebody else holds it.
--
-- KEYS[1]  settings   hash    owner, uid, created, spec, home, place: who wrote; generation; json: the
--                             settings; paused: who paused or resumed last; gone: uids that write no more
-- KEYS[2]  pause      hash    source -> until_ms since_ms by reason
-- KEYS[3]  pauses     stream  one entry: its id is that of the last change
-- ARGV[1]  owner      name for people
-- ARGV[2]  uid        of the owner
-- ARGV[3]  created    when the owner was, ms since 1970
-- ARGV[4]  spec       generation of what it writes
-- ARGV[5]  home       of the owner: who looks after it, and alone knows whether it is gone
-- ARGV[6]  over       uid of an owner that is gone, and is replaced whatever its age
-- ARGV[7]  paused     by and reason of the pause; empty: not paused; -: it is left as it is
-- ARGV[8]  settings   JSON; empty: they are left as they are
-- ARGV[9]  place      address that the owner knows this Redis by: disown.lua asks for it
--
-- Returns 1: written, 0: nothing had changed, -1: an older owner holds them,
-- -2: a newer generation of this owner was there first, -3: this owner was
-- replaced as one that is gone; the generation in force, which rises with each
-- change of the settings; owner, uid, created, spec and home of who holds them;
-- and the JSON that was replaced.

--@include now
--@include numbers
--@include changes
--@include gone

local settings, pause, pauses = KEYS[1], KEYS[2], KEYS[3]
local uid, spec, over, said, json = ARGV[2], tonumber(ARGV[4]), ARGV[6], ARGV[7], ARGV[8]
local held = redis.call('HMGET', settings, 'owner', 'uid', 'created', 'spec', 'home', 'generation', 'json',
  'paused', 'gone', 'last', 'place')
local generation, created = whole(held[6]) or whole(held[10]) or 0, whole(held[3])

local function answer(outcome, replaced)
  local who = redis.call('HMGET', settings, 'owner', 'uid', 'created', 'spec', 'home')
  return {outcome, generation, who[1] or '', who[2] or '', who[3] or '', who[4] or '', who[5] or '', replaced or ''}
end

local paused = redis.call('HGET', pause, 'spec')
redis.call('XLEN', pauses)
if is_gone(held[9], uid) then return answer(-3) end
if held[2] == uid then
  if (whole(held[4]) or 0) > spec then return answer(-2) end
elseif created and held[2] and held[2] ~= '' and held[2] ~= over then
  local mine = tonumber(ARGV[3])
  if created < mine or (created == mine and held[2] < uid) then return answer(-1) end
end
local said_at, said_by = string.match(held[8] or '', '^(%d+) (.+)$')
if said_by == uid and (whole(said_at) or 0) > spec then -- the fast path was there first
  if json == '' then return answer(-2) end
  said = '-'
end

local is_same = json == '' or held[7] == json
local knows = json == '' or (held[2] == uid and held[4] == ARGV[4] and held[5] == ARGV[5] and held[11] == ARGV[9])
local is_right = said == '-' or said == (paused and (string.match(paused, '^0 %d+ (%S.*)$') or '-') or '')
local mark = said == '-' and held[8] or ARGV[4] .. ' ' .. uid
if is_same and knows and is_right and mark == held[8] then return answer(0) end

redis.call('HDEL', settings, 'last') -- memory full refuses HSET, but not after a first write
redis.call('PERSIST', settings)
if not is_same then generation = generation + 1 end
if mark then redis.call('HSET', settings, 'paused', mark) end
if json ~= '' then
  if over ~= '' and held[2] == over then redis.call('HSET', settings, 'gone', add_gone(held[9], over)) end
  redis.call('HSET', settings, 'owner', ARGV[1], 'uid', uid, 'created', ARGV[3], 'spec', ARGV[4], 'home', ARGV[5],
    'place', ARGV[9], 'generation', string.format('%.0f', generation), 'json', json)
elseif not held[6] then redis.call('HSET', settings, 'last', string.format('%.0f', generation)) end
if not is_right then
  redis.call('HDEL', pause, 'spec')
  if said ~= '' then redis.call('HSET', pause, 'spec', string.format('0 %.0f %s', now, said)) end
  announce(pauses, 'spec')
end
return answer(is_same and is_right and 0 or 1, not is_same and held[7])
