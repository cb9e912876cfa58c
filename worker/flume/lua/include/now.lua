-- now: the time by Redis' own clock, in ms since 1970, as a number and as text.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stamp = time[1] .. string.sub(time[2] + 1000000, 2, 4)
