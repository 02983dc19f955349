-- Take a due event for some seconds. Returns the attempts before and the job, or nothing when there is none to take.
-- KEYS  due, job, log
-- ARGV  the event, lease in seconds
local due = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not due then return end
if redis.call('HEXISTS', KEYS[2], 'record') == 0 then
  redis.call('ZREM', KEYS[1], ARGV[1])
  return
end
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
if tonumber(due) > now then return end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
return {redis.call('LLEN', KEYS[3]), redis.call('HGETALL', KEYS[2])}
