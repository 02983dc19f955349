-- Note an attempt at an event, once, and when the next is due. Of a job that was deleted nothing is kept.
-- KEYS  due, job, log
-- ARGV  the event, the attempt, attempts kept, seconds for which the log outlives the job, seconds until the next or nothing,
--       a word of this call's own
if redis.call('HEXISTS', KEYS[2], 'record') == 0 then
  redis.call('ZREM', KEYS[1], ARGV[1])
  return
end
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
if redis.call('HGET', KEYS[2], 'told') ~= ARGV[6] then
  redis.call('HSET', KEYS[2], 'told', ARGV[6])
  redis.call('RPUSH', KEYS[3], ARGV[2])
  redis.call('LTRIM', KEYS[3], -ARGV[3], -1)
end
local expires = redis.call('HGET', KEYS[2], 'expires_at') or now
redis.call('EXPIREAT', KEYS[3], math.ceil(expires + ARGV[4]))
if ARGV[5] == '' then
  redis.call('ZREM', KEYS[1], ARGV[1])
else
  redis.call('ZADD', KEYS[1], now + ARGV[5], ARGV[1])
end
