-- fence: how a lease's deadline and its fence share one score, an exact double of 53 bits.
local FENCES = 524288 -- 2^19: 11 bits of worker number, 8 of claim sequence
local EPOCH_MS = 1735689600000 -- 2025-01-01: what is left are 34 bits of 1/8 s, enough until 2093
local TICK_MS = 125

-- %.0f: Lua's own conversion keeps 14 digits, and the fence is in the last ones
local function lease_until(ms, fence)
  return string.format('%.0f', math.ceil((ms - EPOCH_MS) / TICK_MS) * FENCES + fence)
end
