-- Let a chunk stand in line, and ring the bell unless it rings already.
-- KEYS  line, bell, the broker's queue
-- ARGV  "<id> <chunk>", milliseconds after which the bell is rung again, the message that calls a worker
redis.call('RPUSH', KEYS[1], ARGV[1])
if redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[2]) then redis.call('LPUSH', KEYS[3], ARGV[3]) end
