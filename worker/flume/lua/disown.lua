-- disown: take away the settings and the pause of an owner that leaves its queue.
--
-- KEYS[1]  settings   hash    who wrote, the settings, and uids that write no more
-- KEYS[2]  pause      hash    source -> until_ms since_ms by reason
-- KEYS[3]  pauses     stream  one entry: its id is that of the last change
-- ARGV[1]  uid        of the owner
-- ARGV[2]  gone       1: it is gone for good, and a late call of it is not obeyed; 0: it may come back
-- ARGV[3]  place      only what it wrote by this address: it may have moved to another address of the
--                     same Redis, where it has its queue; empty: by any
--
-- Returns 1: they were its own and are taken away, 0: they are another's or
-- nobody's; their generation; and their JSON.  What is left for a day tells the
-- next owner where generations go on, and who is gone.

--@include numbers
--@include changes
--@include gone

local KEPT_MS = 86400000 -- no call is under way, and no operator behind, for so long
local settings, pause, pauses = KEYS[1], KEYS[2], KEYS[3]
local uid = ARGV[1]

local held = redis.call('HMGET', settings, 'uid', 'generation', 'json', 'paused', 'gone', 'last', 'place')
local paused = redis.call('HGET', pause, 'spec')
redis.call('XLEN', pauses)
local said_by = string.match(held[4] or '', '^%d+ (.+)$')
local is_here = ARGV[3] == '' or held[7] == ARGV[3]
local is_own = (held[1] == uid and is_here) or (not held[1] and said_by == uid)
local generation = string.format('%.0f', whole(held[2]) or whole(held[6]) or 0)

redis.call('HDEL', settings, '') -- memory full refuses HSET, but not after a first write
if ARGV[2] == '1' then redis.call('HSET', settings, 'gone', add_gone(held[5], uid)) end
if is_own then
  redis.call('HDEL', settings, 'owner', 'uid', 'created', 'spec', 'home', 'place', 'generation', 'json', 'paused')
  redis.call('HSET', settings, 'last', generation)
  if paused then
    redis.call('HDEL', pause, 'spec')
    announce(pauses, 'spec')
  end
end
if is_own or not held[1] then redis.call('PEXPIRE', settings, KEPT_MS) end
return {is_own and 1 or 0, tonumber(generation), is_own and held[3] or ''}
