-- pause: let nobody claim from a queue, or one worker not.
--
-- KEYS[1]  pause      hash   source -> until_ms since_ms by reason
-- KEYS[2]  pauses     stream  one entry: its id is that of the last change
-- ARGV[1]  source     who pauses: spec, client, or worker: and an id
-- ARGV[2]  lasts      ms; 0: until it is resumed
-- ARGV[3]  by         a name, without a space
-- ARGV[4]  reason     for people
--
-- Returns the id of this change.  No claim after this call brings a job.

--@include now
--@include pause
--@include expired
--@include changes

local pause, pauses = KEYS[1], KEYS[2]
local source, lasts = ARGV[1], tonumber(ARGV[2])

redis.call('XLEN', pauses)
drop_expired(pause, now)
redis.call('HDEL', pause, source) -- memory full refuses HSET, but not after a first write
redis.call('HSET', pause, source,
  string.format('%.0f %.0f %s %s', lasts > 0 and now + lasts or 0, now, ARGV[3], ARGV[4]))
return announce(pauses, source)
