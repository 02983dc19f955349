-- Record a job as queued, or return the id of the first job under the same idempotency key.
-- KEYS  job, plan, jobs of the owner, active, queued images, idempotency (may be absent)
-- ARGV  id, owner, created_at, total, window, record, digest, seconds to remember it
if KEYS[6] then
  local known = redis.call('HMGET', KEYS[6], 'digest', 'job')
  if known[1] then return known end
  redis.call('HSET', KEYS[6], 'digest', ARGV[7], 'job', ARGV[1])
  redis.call('EXPIRE', KEYS[6], ARGV[8])
end
redis.call('HSET', KEYS[1], 'record', ARGV[6], 'owner', ARGV[2], 'state', 'queued', 'total', ARGV[4],
  'recognized', 0, 'review', 0, 'blank', 0, 'failed', 0, 'sent', ARGV[5])
redis.call('PERSIST', KEYS[2])
redis.call('ZADD', KEYS[3], 0, ARGV[1])
redis.call('ZADD', KEYS[4], redis.call('TIME')[1], ARGV[1])
redis.call('INCRBY', KEYS[5], ARGV[4])
return false
