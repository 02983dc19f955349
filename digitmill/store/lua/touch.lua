-- Note progress on an open job.
-- KEYS  active
-- ARGV  id
-- the first write frees memory: a full Redis lets the second pass
if redis.call('ZREM', KEYS[1], ARGV[1]) == 1 then redis.call('ZADD', KEYS[1], redis.call('TIME')[1], ARGV[1]) end
