-- resume: take away the pause of one source, and no other's.
--
-- KEYS[1]  pause      hash   source -> until_ms since_ms by reason
-- KEYS[2]  pauses     stream  one entry: its id is that of the last change
-- ARGV[1]  source     whose pause; client also takes away what nobody of ours wrote
--
-- Returns the id of this change, which wakes the workers that were paused.

--@include now
--@include pause
--@include expired
--@include changes

local pause, pauses = KEYS[1], KEYS[2]
local source = ARGV[1]

local function is_foreign(name, value)
  local known = name == 'spec' or name == 'all' or name == 'client' or string.match(name, '^worker:')
  return not known or not string.match(value, '^%d+ %d+ %S')
end

redis.call('XLEN', pauses)
drop_expired(pause, now)
redis.call('HDEL', pause, source)
if source == 'client' then
  local all = redis.call('HGETALL', pause)
  for i = 1, #all, 2 do
    if is_foreign(all[i], all[i + 1]) then redis.call('HDEL', pause, all[i]) end
  end
end
return announce(pauses, source)
