-- peek: read jobs of one state without changing anything.
--
-- KEYS[1]  source     list or zset  ready, alone, scheduled, retrying, running or dead
-- KEYS[2]  jobs       hash   id -> body
-- ARGV[1]  offset     entries to pass over
-- ARGV[2]  limit      entries, at most 200
-- ARGV[3]  newest     1: from the other end
--
-- Returns how many entries were passed, and id, score (of a list: ready_ms) and
-- body in turn; a job without a body was cancelled and is left out.

local source, jobs = KEYS[1], KEYS[2]
local first, last = tonumber(ARGV[1]), ARGV[1] + ARGV[2] - 1
local found, looked, kind = {}, 0, redis.call('TYPE', source).ok

local function add(id, score)
  local body = redis.call('HGET', jobs, id)
  if body then
    local n = #found
    found[n + 1], found[n + 2], found[n + 3] = id, score, body
  end
end

if kind == 'list' then
  if ARGV[3] == '1' then first, last = -1 - last, -1 - first end
  local entries = redis.call('LRANGE', source, first, last)
  looked = #entries
  for _, entry in ipairs(entries) do
    local ms, id = string.match(entry, '^(%d+):(%x+)')
    if id then add(id, ms) end
  end
elseif kind == 'zset' then
  local command = ARGV[3] == '1' and 'ZREVRANGE' or 'ZRANGE'
  local entries = redis.call(command, source, first, last, 'WITHSCORES')
  looked = #entries / 2
  for i = 1, #entries, 2 do add(string.match(entries[i], '^%S+') or entries[i], entries[i + 1]) end
else
  redis.call('ZCARD', source) -- refuses any other type
end
return {looked, found}
