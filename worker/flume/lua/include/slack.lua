-- slack: how long a token may take to start its job.  The longest that any caller needs holds, for
-- whoever started a job that late may have done so in a window that ends then.
local FORGOTTEN_MS = 10000

local function widen(ring, slack)
  local is_over = ring.time - ring.wide > math.max(FORGOTTEN_MS, ring.period + ring.slack)
  if slack >= ring.slack or is_over then ring.slack, ring.wide = math.min(slack, MOST_SLACK), ring.time end
  if ring.text then set_width(ring) end
end
