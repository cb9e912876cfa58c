-- promote: make scheduled and retrying jobs that are due ready.
--
-- KEYS[1]  scheduled  zset   id and handler -> due, ms
-- KEYS[2]  retrying   zset   id and handler -> due, ms
-- KEYS[3]  jobs       hash   id -> body
-- KEYS[4]  dead       zset   id -> buried at, ms
-- KEYS[5…] ready, wake  list, zset  a pair for each handler name of the queue
-- ARGV[1]  limit      jobs from each of the two, at most 1,000
--
-- Returns how many were looked at.  A job whose handler is not among the names
-- that the caller knew is looked at again soon.  A member that is not ours is
-- buried where it has a body, and dropped where not.

--@include now
--@include requeue

local jobs, dead = KEYS[3], KEYS[4]
local lists, entries, seen = {}, {}, 0

for i = 5, #KEYS, 2 do
  lists[string.match(KEYS[i], '}:ready:(.*)$')] = i
  redis.call('LLEN', KEYS[i])
  redis.call('ZCARD', KEYS[i + 1])
end
redis.call('HLEN', jobs)
redis.call('ZCARD', dead)
redis.call('ZCARD', KEYS[2]) -- the first is read before any write
for source = 1, 2 do
  local due = redis.call('ZRANGEBYSCORE', KEYS[source], '-inf', now, 'LIMIT', 0, ARGV[1])
  if #due > 0 then redis.call('ZREM', KEYS[source], unpack(due)) end
  for _, member in ipairs(due) do
    local id, handler = string.match(member, '^(%S+) (%S+)$')
    local is_ours = id and #id == 32 and not string.find(id, '%X')
    local list = is_ours and lists[handler]
    local body = not list and redis.call('HGET', jobs, id or member)
    if list then
      entries[list] = entries[list] or {}
      table.insert(entries[list], string.format('%.0f:%s', now, id))
    elseif body and is_ours and handler == handler_of(body) then
      redis.call('ZADD', KEYS[source], string.format('%.0f', now + AGAIN_MS), member)
    elseif body then
      redis.call('ZADD', dead, string.format('%.0f', now), id or member)
    end
  end
  seen = seen + #due
end
for list, ready in pairs(entries) do
  redis.call('RPUSH', KEYS[list], unpack(ready))
  redis.call('ZADD', KEYS[list + 1], 0, '1')
end
return seen
