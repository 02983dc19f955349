-- Record a job as queued and return nothing; or change nothing, and return {digest, id} of the first job under the same
-- idempotency key, or "full" where the owner has as many open jobs as may be. An id is recorded once: what repeats the
-- call, because the answer was lost, changes nothing and is answered as the first was.
-- KEYS  job, plan, jobs of the owner, active, queued images, open jobs of the owner, line, bell, the broker's queue,
--       deleted, idempotency (may be absent)
-- ARGV  id, owner, created_at, total, window, record, most open jobs, digest, seconds to remember it,
--       channel of a process that waits for the job, the message that calls a worker where the job's only chunk is to
--       stand in line (else nothing), milliseconds after which it is sent again,
--       fields and values of a plan that is not saved yet
if KEYS[11] then
  local known = redis.call('HMGET', KEYS[11], 'digest', 'job')
  if known[2] == ARGV[1] then return false end
  if known[1] then return known end
end
if redis.call('EXISTS', KEYS[1]) == 1 or redis.call('ZSCORE', KEYS[10], ARGV[1]) then return false end
if redis.call('SCARD', KEYS[6]) >= tonumber(ARGV[7]) then return 'full' end
if KEYS[11] then
  redis.call('HSET', KEYS[11], 'digest', ARGV[8], 'job', ARGV[1])
  redis.call('EXPIRE', KEYS[11], ARGV[9])
end
local follower = ARGV[10] ~= '' and {'follower', ARGV[10]} or {}
redis.call('SADD', KEYS[6], ARGV[1])
redis.call('HSET', KEYS[1], 'record', ARGV[6], 'owner', ARGV[2], 'state', 'queued', 'total', ARGV[4],
  'recognized', 0, 'review', 0, 'blank', 0, 'failed', 0, 'sent', ARGV[5], unpack(follower))
if ARGV[13] then
  redis.call('HSET', KEYS[2], unpack(ARGV, 13))
else
  redis.call('PERSIST', KEYS[2])
end
redis.call('ZADD', KEYS[3], 0, ARGV[1])
redis.call('ZADD', KEYS[4], redis.call('TIME')[1], ARGV[1])
redis.call('INCRBY', KEYS[5], ARGV[4])
if ARGV[11] ~= '' then
  redis.call('RPUSH', KEYS[7], ARGV[1] .. ' 0')
  if redis.call('SET', KEYS[8], '1', 'NX', 'PX', ARGV[12]) then redis.call('LPUSH', KEYS[9], ARGV[11]) end
end
return false
