-- Remove a job, whatever its state. A stub stays for a while, so that a repeated call that would record it does not.
-- Answers 0 where there is neither the job nor its stub.
-- KEYS  job, plan, rows, attempts, leases, active, expiry, queued images, channel, open jobs of the owner, webhooks due,
--       jobs of the owner, then whatever else holds something of this job alone
-- ARGV  id, seconds for which the stub stays, the statuses that a row may have
local job = redis.call('HMGET', KEYS[1], 'state', 'total', 'follower', 'owner', 'role')
if not job[1] then return redis.call('EXISTS', KEYS[1]) end
local done = 0
for status in string.gmatch(ARGV[3], '%S+') do done = done + (redis.call('HGET', KEYS[1], status) or 0) end
-- the first write frees memory: then a full Redis lets the others pass, which refuses scripts only before they wrote
redis.call('ZREM', KEYS[6], ARGV[1])
redis.call('SREM', KEYS[10], ARGV[1])
redis.call('ZREM', KEYS[7], ARGV[1])
redis.call('ZREM', KEYS[11], ARGV[1], ARGV[1] .. ':results', ARGV[1] .. ':drifted')
redis.call('ZREM', KEYS[12], ARGV[1])
local open = job[1] == 'queued' or job[1] == 'running'
if open then
  for _, field in ipairs(redis.call('HKEYS', KEYS[4])) do
    if string.match(field, '^%d+$') then redis.call('ZREM', KEYS[5], ARGV[1] .. ' ' .. field) end
  end
  local waiting, owner = 'dm:waiting' .. (job[5] and ':' .. job[5] or ''), job[4]
  redis.call('ZREM', waiting .. ':of:' .. owner, ARGV[1])
  redis.call('ZREM', waiting, ARGV[1], ARGV[1] .. ' 0')
  if redis.call('EXISTS', waiting .. ':of:' .. owner) == 0 then redis.call('ZREM', waiting, ':' .. owner) end
  redis.call('DECRBY', KEYS[8], job[2] - done)
end
redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3], KEYS[4], unpack(KEYS, 13))
redis.call('HSET', KEYS[1], 'deleted', 1)
redis.call('EXPIRE', KEYS[1], ARGV[2])
if open then
  if job[3] then redis.call('PUBLISH', job[3], #ARGV[1] .. '\n' .. ARGV[1]) end
  redis.call('PUBLISH', KEYS[9], 'cancelled')
end
return 1
