-- Note that worker processes are alive. Entries of an hour ago go, and those that a clock which moved left ahead of it.
-- KEYS  workers
-- ARGV  each worker
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
-- the first write frees memory: a full Redis lets the others pass
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 3600)
redis.call('ZREMRANGEBYSCORE', KEYS[1], now + 60, '+inf')
for _, worker in ipairs(ARGV) do redis.call('ZADD', KEYS[1], now, worker) end
