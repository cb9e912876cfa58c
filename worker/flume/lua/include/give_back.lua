-- give_back: take tokens out of a queue's usage again.
local function give_back(caller, ring, slot, n)
  if caller[EPOCH] ~= ring.epoch then return end
  local grants = caller.grants
  for at = #grants - 5, 1, -6 do
    local low, count = struct.unpack(GRANT, grants, at)
    if low == slot % 65536 then
      local back = math.min(n, count)
      caller.grants = string.sub(grants, 1, at - 1) .. struct.pack(GRANT, low, count - back) .. string.sub(grants, at + 6)
      caller[USED] = math.max(0, caller[USED] - back)
      return
    end
  end
end
