-- End the lease of a chunk, and count its attempt as none, once for each claim. Changes nothing where another process has
-- the chunk by now.
-- KEYS  leases, attempts
-- ARGV  member of leases, chunk, name of the process that asks
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return end
if redis.call('HGET', KEYS[2], ARGV[2] .. ':by') ~= ARGV[3] then return end
-- the first write takes no memory: then a full Redis lets the others pass
if redis.call('HDEL', KEYS[2], ARGV[2] .. ':claim') == 0 then return end
redis.call('ZADD', KEYS[1], redis.call('TIME')[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[2] .. ':place')
redis.call('HINCRBY', KEYS[2], ARGV[2], -1)
