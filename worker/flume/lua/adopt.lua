-- adopt: make one source of a queue's pause what is written elsewhere.
--
-- KEYS[1]  pause      hash   source -> until_ms since_ms by reason
-- KEYS[2]  pauses     stream  one entry: its id is that of the last change
-- ARGV[1]  source     all: paused with every queue under the prefix
-- ARGV[2]  value      until_ms since_ms by reason; empty: not paused
--
-- Returns the id of the last change: of this one, where it changed something.

--@include changes

local pause, pauses = KEYS[1], KEYS[2]
local source, value = ARGV[1], ARGV[2]

local last = last_change(pauses)
if (redis.call('HGET', pause, source) or '') == value then return last end
redis.call('HDEL', pause, source) -- memory full refuses HSET, but not after a first write
if value ~= '' then redis.call('HSET', pause, source, value) end
return announce(pauses, source)
