-- purge: delete waiting or dead jobs, a bounded step at a time.
--
-- KEYS[1]  source     list or zset  ready, alone, scheduled, retrying or dead
-- KEYS[2]  jobs       hash   id -> body
-- KEYS[3]  stats      hash   counters
-- KEYS[4]  unique     hash   unique key -> id and end
-- KEYS[5]  unique_of  hash   id -> unique key
-- KEYS[6]  suspects   hash   id -> crashes while alone
-- ARGV[1]  limit      jobs, at most 1,000
--
-- Returns how many entries were taken; fewer than the limit means that it is empty.

--@include unique
--@include numbers

local source, jobs, stats, ids = KEYS[1], KEYS[2], KEYS[3], {}
local kind = redis.call('TYPE', source).ok

if kind ~= 'list' then redis.call('ZCARD', source) end -- refuses any other type
redis.call('HLEN', jobs)
redis.call('HLEN', stats)
redis.call('HLEN', KEYS[4])
redis.call('HLEN', KEYS[5])
local has_suspects = redis.call('HLEN', KEYS[6]) > 0
local entries = {}
if kind == 'list' then
  entries = redis.call('LPOP', source, ARGV[1])
elseif kind == 'zset' then
  entries = redis.call('ZRANGE', source, 0, ARGV[1] - 1)
  if #entries > 0 then redis.call('ZREM', source, unpack(entries)) end
end
for i, entry in ipairs(entries) do
  ids[i] = string.match(entry, '^%d+:(%x+)') or string.match(entry, '^%S+') or entry
end
if #ids == 0 then return 0 end
local purged = redis.call('HDEL', jobs, unpack(ids)) -- a cancelled job was counted as such
if has_suspects then redis.call('HDEL', KEYS[6], unpack(ids)) end
release_unique(KEYS[4], KEYS[5], ids)
if purged > 0 then count(stats, 'purged', purged) end
return #ids
