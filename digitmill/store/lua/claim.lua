-- Take a chunk for some seconds; the same call again, whose answer was lost, is given the same answer. Returns nothing when there is nothing to take, else
-- {attempt, counted from 1; its poison; the job; the chunk's entries; its first row as u32; the upload, if it is there}
-- KEYS  job, rows, attempts, leases, active, channel, plan
-- ARGV  id, chunk, lease in seconds, strikes, name of the process that asks,
--       a word of this call's own
local state = redis.call('HGET', KEYS[1], 'state')
if state ~= 'queued' and state ~= 'running' then return false end
if redis.call('HEXISTS', KEYS[2], ARGV[2]) == 1 then return false end
local plan = redis.call('HMGET', KEYS[7], ARGV[2], 'starts', 'upload')
if not plan[1] then return false end
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local member = ARGV[1] .. ' ' .. ARGV[2]
local lease = redis.call('ZSCORE', KEYS[4], member)
local first = string.sub(plan[2], 4 * ARGV[2] + 1, 4 * ARGV[2] + 4)
if lease and tonumber(lease) > now then
  local known = redis.call('HMGET', KEYS[3], ARGV[2] .. ':claim', ARGV[2], ARGV[2] .. ':poison')
  if known[1] ~= ARGV[6] then return false end
  return {tonumber(known[2]), known[3] or '', redis.call('HGETALL', KEYS[1]), plan[1], first, plan[3]}
end
redis.call('ZADD', KEYS[4], now + ARGV[3], member)
redis.call('ZADD', KEYS[5], time[1], ARGV[1])
if state == 'queued' then
  redis.call('HSET', KEYS[1], 'state', 'running', 'started_at', string.format('%.3f', now))
  redis.call('PUBLISH', KEYS[6], 'running')
end
local before = redis.call('HMGET', KEYS[3], ARGV[2] .. ':place', ARGV[2] .. ':poison')
local place, poison = before[1], before[2] or ''
if place then
  redis.call('HDEL', KEYS[3], ARGV[2] .. ':place')
  if redis.call('HINCRBY', KEYS[3], ARGV[2] .. ':strikes:' .. place, 1) == tonumber(ARGV[4]) then
    poison = poison .. place .. ' '
    redis.call('HSET', KEYS[3], ARGV[2] .. ':poison', poison)
  end
end
redis.call('HSET', KEYS[3], ARGV[2] .. ':by', ARGV[5], ARGV[2] .. ':claim', ARGV[6])
local attempt = redis.call('HINCRBY', KEYS[3], ARGV[2], 1)
return {attempt, poison, redis.call('HGETALL', KEYS[1]), plan[1], first, plan[3]}
