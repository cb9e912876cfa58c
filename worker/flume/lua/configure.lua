-- configure: write the live settings of a queue, unless somebody else holds them.
--
-- KEYS[1]  settings   hash   owner, uid, created, spec: who wrote; generation; json: the settings
-- ARGV[1]  owner      name for people
-- ARGV[2]  uid        of the owner
-- ARGV[3]  created    when the owner was, ms since 1970
-- ARGV[4]  spec       generation of what it writes
-- ARGV[5]  over       uid of an owner that is gone, and is replaced whatever its age
-- ARGV[6]  settings   JSON
--
-- Returns 1: written, 0: nothing had changed, -1: an older owner holds them,
-- -2: a newer generation of this owner was there first; the generation in force,
-- which rises with each change; and owner, uid, created and spec of who holds them.

--@include numbers

local settings = KEYS[1]
local held = redis.call('HMGET', settings, 'owner', 'uid', 'created', 'spec', 'generation', 'json')
local generation, created = whole(held[5]) or 0, whole(held[3])

local function answer(outcome)
  local now = redis.call('HMGET', settings, 'owner', 'uid', 'created', 'spec')
  return {outcome, generation, now[1] or '', now[2] or '', now[3] or '', now[4] or ''}
end

if held[2] == ARGV[2] then
  if (whole(held[4]) or 0) > tonumber(ARGV[4]) then return answer(-2) end
elseif created and held[2] and held[2] ~= '' and held[2] ~= ARGV[5] then
  local mine = tonumber(ARGV[3])
  if created < mine or (created == mine and held[2] < ARGV[2]) then return answer(-1) end
end
local is_same = held[6] == ARGV[6]
if not is_same then generation = generation + 1 end
if is_same and held[2] == ARGV[2] and held[4] == ARGV[4] then return answer(0) end
redis.call('HSET', settings, 'owner', ARGV[1], 'uid', ARGV[2], 'created', ARGV[3], 'spec', ARGV[4],
  'generation', string.format('%.0f', generation), 'json', ARGV[6])
return answer(is_same and 0 or 1)
