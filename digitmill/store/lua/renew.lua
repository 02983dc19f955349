-- Let a lease end so many seconds from now. One that is gone (chunk done, job over) does not come back.
-- KEYS  leases
-- ARGV  member, seconds
-- the first write frees memory: a full Redis lets the second pass
if redis.call('ZREM', KEYS[1], ARGV[1]) == 0 then return end
local time = redis.call('TIME')
redis.call('ZADD', KEYS[1], time[1] + time[2] / 1000000 + ARGV[2], ARGV[1])
