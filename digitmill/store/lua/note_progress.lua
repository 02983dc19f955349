-- Note how far a claimed chunk has come, and hold it for so many seconds from now. Returns 0 where the process does not hold
-- it any more: its job is over, or another has it.
-- KEYS  job, leases, attempts, active, channel, notes
-- ARGV  id, member of leases, chunk, name of the process that asks, units done, seconds, then a name and a text for each
--       note
if not redis.call('ZSCORE', KEYS[2], ARGV[2]) then return 0 end
if redis.call('HGET', KEYS[3], ARGV[3] .. ':by') ~= ARGV[4] then return 0 end
-- the first write frees memory: a full Redis lets the others pass
redis.call('ZREM', KEYS[2], ARGV[2])
local time = redis.call('TIME')
redis.call('ZADD', KEYS[2], time[1] + time[2] / 1000000 + ARGV[6], ARGV[2])
redis.call('HSET', KEYS[1], 'under_way', ARGV[5])
if ARGV[7] then redis.call('HSET', KEYS[6], unpack(ARGV, 7)) end
redis.call('ZADD', KEYS[4], time[1], ARGV[1])
redis.call('PUBLISH', KEYS[5], 'progress')
return 1
