-- find: where one job is.
--
-- KEYS[1]  jobs       hash   id -> body
-- KEYS[2]  scheduled  zset   id and handler -> due, ms
-- KEYS[3]  retrying   zset   id and handler -> due, ms
-- KEYS[4]  running    zset   id -> lease deadline and fence
-- KEYS[5]  dead       zset   id -> buried at, ms
-- ARGV[1]  id         of the job
--
-- Returns its body, its state and the score it has there ('' where none); or
-- nothing where there is no such job.

--@include requeue

local id = ARGV[1]
local body = redis.call('HGET', KEYS[1], id)
if not body then return {} end

local member = id .. ' ' .. (handler_of(body) or '')
local places = { { 'scheduled', KEYS[2], member }, { 'retrying', KEYS[3], member },
  { 'running', KEYS[4], id }, { 'dead', KEYS[5], id } }
for _, place in ipairs(places) do
  local score = redis.call('ZSCORE', place[2], place[3])
  if score then return {body, place[1], score} end
end
return {body, 'ready', ''}
