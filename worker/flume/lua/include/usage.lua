-- usage: how much of the window a queue was granted, and where in its grants those begin.
local function usage(caller, ring)
  local grants, use = caller.grants, caller[USED]
  if caller[EPOCH] ~= ring.epoch or ring.time - caller[ASKED] > ring.window then return 0, #grants + 1 end
  for at = 1, #grants, 6 do
    local low, count = struct.unpack(GRANT, grants, at)
    if ring.slot - (ring.slot - low) % 65536 >= ring.first then return math.max(0, use), at end
    use = use - count
  end
  return 0, #grants + 1
end

local function add_usage(caller, ring, n)
  local use, first = usage(caller, ring)
  local grants, low, count = string.sub(caller.grants, first), ring.slot % 65536, 0
  local newest = #grants > 0 and struct.unpack(GRANT, grants, #grants - 5)
  if newest == low then
    count = select(2, struct.unpack(GRANT, grants, #grants - 5))
    grants = string.sub(grants, 1, -7)
  end
  if count + n > 0 then grants = grants .. struct.pack(GRANT, low, count + n) end
  caller.grants, caller[USED], caller[EPOCH] = grants, use + n, ring.epoch
end
