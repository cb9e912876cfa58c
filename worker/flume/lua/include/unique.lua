-- unique: who holds a unique key, how it is held, and how it is let go when its job ends.
local function unique_holder(unique, jobs, key, now)
  local id, till = string.match(redis.call('HGET', unique, key) or '', '^(%S+) (%d+)$')
  if not id or (till ~= '0' and tonumber(till) <= now) then return nil end
  return redis.call('HEXISTS', jobs, id) == 1 and id or nil
end

local function hold_unique(unique, unique_of, key, id, hold, now)
  local till = hold == '0' and 0 or now + hold
  redis.call('HSET', unique, key, string.format('%s %.0f', id, till))
  redis.call('HSET', unique_of, id, key)
end

local function release_unique(unique, unique_of, ids)
  if #ids == 0 or redis.call('HLEN', unique_of) == 0 then return end
  for _, id in ipairs(ids) do
    local key = redis.call('HGET', unique_of, id)
    if key then
      redis.call('HDEL', unique_of, id)
      local held = redis.call('HGET', unique, key)
      if held and string.sub(held, 1, #id) == id then redis.call('HDEL', unique, key) end
    end
  end
end
