-- Let a chunk stand in line. Returns 1 when the caller has to ring the bell.
-- KEYS  line, bell
-- ARGV  "<id> <chunk>", milliseconds after which the bell is rung again
redis.call('RPUSH', KEYS[1], ARGV[1])
return redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[2]) and 1 or 0
