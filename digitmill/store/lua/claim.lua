-- Take a chunk for some seconds. Returns {attempt, counted from 1, or 0 when there is nothing to take; its poison}
-- KEYS  job, rows, attempts, leases, active, channel
-- ARGV  id, chunk, lease in seconds, strikes
local state = redis.call('HGET', KEYS[1], 'state')
if state ~= 'queued' and state ~= 'running' then return {0, ''} end
if redis.call('HEXISTS', KEYS[2], ARGV[2]) == 1 then return {0, ''} end
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local member = ARGV[1] .. ' ' .. ARGV[2]
local lease = redis.call('ZSCORE', KEYS[4], member)
if lease and tonumber(lease) > now then return {0, ''} end
redis.call('ZADD', KEYS[4], now + ARGV[3], member)
redis.call('ZADD', KEYS[5], time[1], ARGV[1])
if state == 'queued' then
  redis.call('HSET', KEYS[1], 'state', 'running', 'started_at', string.format('%.3f', now))
  redis.call('PUBLISH', KEYS[6], 'running')
end
local place = redis.call('HGET', KEYS[3], ARGV[2] .. ':place')
local poison = redis.call('HGET', KEYS[3], ARGV[2] .. ':poison') or ''
if place then
  redis.call('HDEL', KEYS[3], ARGV[2] .. ':place')
  if redis.call('HINCRBY', KEYS[3], ARGV[2] .. ':strikes:' .. place, 1) == tonumber(ARGV[4]) then
    poison = poison .. place .. ' '
    redis.call('HSET', KEYS[3], ARGV[2] .. ':poison', poison)
  end
end
return {redis.call('HINCRBY', KEYS[3], ARGV[2], 1), poison}
