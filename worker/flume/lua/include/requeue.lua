-- requeue: put jobs back at the head of their ready list, and wake who may run them.
-- The first of them takes the place in time of the list's head, so that no other list waits for it.
local function requeue(ready, wake, ids, now)
  if #ids == 0 then return end
  local head = redis.call('LINDEX', ready, 0)
  local since = head and string.match(head, '^(%d+):') or string.format('%.0f', now)
  for i = #ids, 1, -1 do redis.call('LPUSH', ready, since .. ':' .. ids[i]) end
  redis.call('ZADD', wake, 0, '1')
end

-- name of the handler in a body: our encoder writes it first
local function handler_of(body)
  return body and string.match(body, '^{"handler":"([%w_.-]+)"')
end

-- ms until a job is looked at again whose handler's name is newer than the caller's list of them
local AGAIN_MS = 500
