-- shares: how many of the free tokens a queue may take, so that all that ask get as much in a window.
local HOLD_MS = 100 -- how long a queue's part waits for it, and how fast its pace is forgotten

local function used(caller, bucket)
  local sum = 0
  if caller[BUCKET] > bucket then return 0 end -- counted by another period
  for i = bucket - BUCKETS + 1, caller[BUCKET] do sum = sum + caller[USED + i % BUCKETS] end
  return sum
end

local function pace(caller, time)
  return caller[PACE] * math.exp(math.min(0, caller[ASKED] - time) / HOLD_MS)
end

-- what a queue wants in a window: all it can get while its callers are due, else what its pace foretells
local function demand(caller, ring)
  local due = ring.time - caller[NEXT]
  if ring.time <= caller[TILL] or (due >= 0 and due <= HOLD_MS) then return math.huge end
  return math.floor(pace(caller, ring.time) * ring.window / HOLD_MS)
end

local function starves(caller, ring) -- asks in vain for long, as for batches larger than its share
  return caller[SINCE] > 0 and ring.time - caller[SINCE] > 2 * ring.window
end
