-- Let a job expire so many seconds from now, or so long after its end while it is open. One that has expired does not come
-- back.
-- KEYS  job, expiry, then whatever goes with the job when it expires
-- ARGV  id, seconds, seconds of its tombstone, 1 where it is to expire no sooner than it would, and an open job as it would
local job = redis.call('HMGET', KEYS[1], 'state', 'expires_at')
if not job[1] then return end
if not job[2] then
  if ARGV[4] ~= '1' then redis.call('HSET', KEYS[1], 'expires_in', ARGV[2]) end
  return
end
local time = redis.call('TIME')
local now, before = time[1] + time[2] / 1000000, tonumber(job[2])
local expires = now + ARGV[2]
if before <= now or (ARGV[4] == '1' and expires <= before) then return end
redis.call('HSET', KEYS[1], 'expires_at', string.format('%.3f', expires))
redis.call('ZADD', KEYS[2], expires, ARGV[1])
redis.call('EXPIREAT', KEYS[1], math.ceil(expires + ARGV[3]))
for key = 3, #KEYS do redis.call('EXPIREAT', KEYS[key], math.ceil(expires)) end
