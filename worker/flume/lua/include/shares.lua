-- shares: what a queue wants of the window, so that all that ask get as much.
local SILENT_MS = 1100 -- a queue that is silent for longer has gone: callers ask once a second at least
local HOLD_MS = 100 -- how long a queue's part waits for it, and how fast its pace is forgotten

local function pace(caller, time)
  return caller[PACE] * math.exp(math.min(0, caller[ASKED] - time) / HOLD_MS)
end

-- all that it can get while its callers are due, else what it had when it last asked, or what its pace
-- foretells where that is more
local function demand(caller, ring)
  local due = ring.time - caller[NEXT]
  if ring.time <= caller[TILL] or (due >= 0 and due <= HOLD_MS) then return math.huge end
  local since = ring.time - (ring.freed + 1) * ring.width - ring.window -- the last slot came free
  local is_told = caller[PROMISED] >= ring.freed and ring.time - caller[ASKED] < SILENT_MS
  if is_told and since <= HOLD_MS then return math.huge end
  local had = ring.time - caller[ASKED] < SILENT_MS and caller[EPOCH] == ring.epoch and caller[USED] or 0
  return math.max(had, math.floor(pace(caller, ring.time) * ring.window / HOLD_MS))
end

local function starves(caller, ring) -- asks in vain for long, as for batches larger than its share
  return caller[SINCE] > 0 and ring.time - caller[SINCE] > 2 * ring.window
end
