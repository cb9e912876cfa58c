-- configure: write the live settings of a queue.
--
-- KEYS[1]  settings   hash   generation, owner, and the settings as JSON
-- ARGV[1]  owner      who writes: a manifest, by its name
-- ARGV[2]  settings   JSON
--
-- Returns the generation that is in force now; it rises when something changed.

--@include numbers

local settings = KEYS[1]
local generation = whole(redis.call('HGET', settings, 'generation')) or 0
if redis.call('HGET', settings, 'json') == ARGV[2] then return generation end
redis.call('HSET', settings, 'owner', ARGV[1], 'json', ARGV[2], 'generation', generation + 1)
return generation + 1
