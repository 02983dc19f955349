-- End an open job as cancelled or failed; a final one stays as it is. Returns 1 when it was ended.
-- KEYS  job, plan, rows, attempts, leases, active, expiry, queued images, channel,
--       open jobs of the owner, webhooks due
-- ARGV  id, state, error, expires_in, tombstone seconds, the event that is due then, or nothing,
--       the statuses that a row may have
local job = redis.call('HMGET', KEYS[1], 'state', 'total', 'expires_in', 'owner', 'role')
if job[1] ~= 'queued' and job[1] ~= 'running' then return 0 end
local done = 0
for status in string.gmatch(ARGV[7], '%S+') do done = done + (redis.call('HGET', KEYS[1], status) or 0) end
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local expires = now + (job[3] or ARGV[4])
-- the first write frees memory: then a full Redis lets the others pass, which refuses scripts only before they wrote
redis.call('ZREM', KEYS[6], ARGV[1])
redis.call('HSET', KEYS[1], 'state', ARGV[2], 'finished_at', string.format('%.3f', now),
  'expires_at', string.format('%.3f', expires))
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'error', ARGV[3]) end
redis.call('DECRBY', KEYS[8], job[2] - done)
redis.call('SREM', KEYS[10], ARGV[1])
redis.call('ZADD', KEYS[7], expires, ARGV[1])
if ARGV[6] ~= '' then redis.call('ZADD', KEYS[11], now, ARGV[6]) end
if redis.call('HEXISTS', 'dm:webhooks:endpoints', job[4]) == 1 then
  redis.call('ZADD', KEYS[11], now, ARGV[1] .. ':hooks:end')
end
for _, field in ipairs(redis.call('HKEYS', KEYS[4])) do
  if string.match(field, '^%d+$') then redis.call('ZREM', KEYS[5], ARGV[1] .. ' ' .. field) end
end
local waiting, owner = 'dm:waiting' .. (job[5] and ':' .. job[5] or ''), job[4]
redis.call('ZREM', waiting .. ':of:' .. owner, ARGV[1])
redis.call('ZREM', waiting, ARGV[1], ARGV[1] .. ' 0')
if redis.call('EXISTS', waiting .. ':of:' .. owner) == 0 then redis.call('ZREM', waiting, ':' .. owner) end
redis.call('DEL', KEYS[4])
redis.call('EXPIREAT', KEYS[2], math.ceil(expires))
redis.call('EXPIREAT', KEYS[3], math.ceil(expires))
redis.call('EXPIREAT', KEYS[1], math.ceil(expires + ARGV[5]))
local follower = redis.call('HGET', KEYS[1], 'follower')
if follower then redis.call('PUBLISH', follower, #ARGV[1] .. '\n' .. ARGV[1]) end
redis.call('PUBLISH', KEYS[9], ARGV[2])
return 1
