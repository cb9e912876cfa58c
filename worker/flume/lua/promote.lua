-- promote: make scheduled and retrying jobs that are due ready.
--
-- KEYS[1]  scheduled  zset   id and handler -> due, ms
-- KEYS[2]  retrying   zset   id and handler -> due, ms
-- KEYS[3]  jobs       hash   id -> body
-- KEYS[4]  dead       zset   id -> buried at, ms
-- KEYS[5…] ready, wake  list, zset  a pair for each handler name of the queue
-- ARGV[1]  limit      jobs from each of the two, at most 1,000
--
-- Returns how many were moved.  A member that names no handler of the queue is
-- not ours: with a body it is buried, without one it is dropped.

--@include now

local jobs, dead = KEYS[3], KEYS[4]
local lists, entries, moved = {}, {}, 0

for i = 5, #KEYS, 2 do
  lists[string.match(KEYS[i], ':ready:(.+)$')] = i
  redis.call('LLEN', KEYS[i])
  redis.call('ZCARD', KEYS[i + 1])
end
redis.call('HLEN', jobs)
redis.call('ZCARD', dead)
for source = 1, 2 do
  local due = redis.call('ZRANGEBYSCORE', KEYS[source], '-inf', now, 'LIMIT', 0, ARGV[1])
  if #due > 0 then redis.call('ZREM', KEYS[source], unpack(due)) end
  for _, member in ipairs(due) do
    local id, handler = string.match(member, '^(%S+) (%S+)$')
    local list = lists[handler or '']
    if list and #id == 32 then
      entries[list] = entries[list] or {}
      table.insert(entries[list], string.format('%.0f:%s', now, id))
    elseif redis.call('HEXISTS', jobs, id or member) == 1 then
      redis.call('ZADD', dead, string.format('%.0f', now), id or member)
    end
  end
  moved = moved + #due
end
for list, ready in pairs(entries) do
  redis.call('RPUSH', KEYS[list], unpack(ready))
  redis.call('ZADD', KEYS[list + 1], 0, '1')
end
return moved
