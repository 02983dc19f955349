-- End the lease of a chunk, and count its attempt as none, once for each claim. Changes nothing where another process has
-- the chunk by now.
-- KEYS  leases, attempts, waiting, turn, job
-- ARGV  member of leases, chunk, name of the process that asks, score of a chunk that waits again at once, or nothing
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return end
if redis.call('HGET', KEYS[2], ARGV[2] .. ':by') ~= ARGV[3] then return end
-- the first write takes no memory: then a full Redis lets the others pass
if redis.call('HDEL', KEYS[2], ARGV[2] .. ':claim') == 0 then return end
if ARGV[4] == '' then
  redis.call('ZADD', KEYS[1], redis.call('TIME')[1], ARGV[1])
else
  redis.call('ZREM', KEYS[1], ARGV[1])
  local role = redis.call('HGET', KEYS[5], 'role')
  local waiting = role and KEYS[3] .. ':' .. role or KEYS[3]
  redis.call('ZADD', waiting, ARGV[4] + redis.call('INCR', KEYS[4]), ARGV[1])
end
redis.call('HDEL', KEYS[2], ARGV[2] .. ':place')
redis.call('HINCRBY', KEYS[2], ARGV[2], -1)
