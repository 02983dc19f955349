-- Remove a job, whatever its state. Its id stays taken for a while, so that a repeated call that would record it does not.
-- KEYS  job, plan, rows, attempts, leases, active, expiry, queued images, channel, open jobs of the owner, webhooks due,
--       jobs of the owner, deleted, then whatever else holds something of this job alone
-- ARGV  id, seconds for which the id stays taken
local job = redis.call('HMGET', KEYS[1], 'state', 'total', 'recognized', 'review', 'blank', 'failed', 'sent', 'follower')
if not job[1] then return end
-- the first write frees memory: then a full Redis lets the others pass, which refuses scripts only before they wrote
redis.call('ZREM', KEYS[6], ARGV[1])
redis.call('SREM', KEYS[10], ARGV[1])
redis.call('ZREM', KEYS[7], ARGV[1])
redis.call('ZREM', KEYS[11], ARGV[1])
redis.call('ZREM', KEYS[12], ARGV[1])
local open = job[1] == 'queued' or job[1] == 'running'
if open then
  for chunk = 0, job[7] - 1 do redis.call('ZREM', KEYS[5], ARGV[1] .. ' ' .. chunk) end
  redis.call('DECRBY', KEYS[8], job[2] - job[3] - job[4] - job[5] - job[6])
end
redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3], KEYS[4], unpack(KEYS, 14))
local now = redis.call('TIME')[1]
redis.call('ZREMRANGEBYSCORE', KEYS[13], '-inf', now - ARGV[2])
redis.call('ZADD', KEYS[13], now, ARGV[1])
redis.call('EXPIRE', KEYS[13], ARGV[2])
if open then
  if job[8] then redis.call('PUBLISH', job[8], #ARGV[1] .. '\n' .. ARGV[1]) end
  redis.call('PUBLISH', KEYS[9], 'cancelled')
end
