-- Let what an endpoint each is told of an event be due, and the event itself no more. Where it is not due, or its job was
-- deleted, nothing is.
-- KEYS  due, job, deliveries of the job to endpoints
-- ARGV  the event, then what is due in its place
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return end
if redis.call('HEXISTS', KEYS[2], 'record') == 0 then
  redis.call('ZREM', KEYS[1], ARGV[1])
  return
end
local time = redis.call('TIME')
for at = 2, #ARGV do
  redis.call('SADD', KEYS[3], ARGV[at])
  redis.call('ZADD', KEYS[1], 'NX', time[1] + time[2] / 1000000, ARGV[at])
end
local expires = redis.call('HGET', KEYS[2], 'expires_at')
if expires then redis.call('EXPIREAT', KEYS[3], math.ceil(expires)) end
redis.call('ZREM', KEYS[1], ARGV[1])
