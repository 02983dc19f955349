-- Record a job as queued and return nothing; or change nothing, and return {digest, id} of the first job under the same
-- idempotency key, or "full" where the owner has as many open jobs as may be.
-- KEYS  job, plan, jobs of the owner, active, queued images, open jobs of the owner, idempotency (may be absent)
-- ARGV  id, owner, created_at, total, window, record, most open jobs, digest, seconds to remember it,
--       channel of a process that waits for the job, fields and values of a plan that is not saved yet
if KEYS[7] then
  local known = redis.call('HMGET', KEYS[7], 'digest', 'job')
  if known[1] then return known end
end
if redis.call('SCARD', KEYS[6]) >= tonumber(ARGV[7]) then return 'full' end
if KEYS[7] then
  redis.call('HSET', KEYS[7], 'digest', ARGV[8], 'job', ARGV[1])
  redis.call('EXPIRE', KEYS[7], ARGV[9])
end
redis.call('SADD', KEYS[6], ARGV[1])
redis.call('HSET', KEYS[1], 'record', ARGV[6], 'owner', ARGV[2], 'state', 'queued', 'total', ARGV[4],
  'recognized', 0, 'review', 0, 'blank', 0, 'failed', 0, 'sent', ARGV[5])
if ARGV[10] ~= '' then redis.call('HSET', KEYS[1], 'follower', ARGV[10]) end
for at = 11, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[at], ARGV[at + 1]) end
redis.call('PERSIST', KEYS[2])
redis.call('ZADD', KEYS[3], 0, ARGV[1])
redis.call('ZADD', KEYS[4], redis.call('TIME')[1], ARGV[1])
redis.call('INCRBY', KEYS[5], ARGV[4])
return false
