-- numbers: read and raise numbers that somebody else may have overwritten.
-- tonumber takes 'nan' and 'inf' too, which would be written back and decide every comparison.
local function whole(value)
  local number = tonumber(string.match(value or '', '^%d+$'))
  return number and number < 2 ^ 53 and number or nil
end

-- an error after the first write would leave half a transition: a broken counter begins again
local function count(stats, counter, n)
  if type(redis.pcall('HINCRBY', stats, counter, n)) == 'table' then redis.call('HSET', stats, counter, n) end
end
