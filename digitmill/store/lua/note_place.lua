-- Leave word of the image that is worked on, while the chunk is claimed: of a job that is gone nothing is kept.
-- KEYS  attempts, leases
-- ARGV  member of leases, field, the place or nothing
if ARGV[3] == '' then return redis.call('HDEL', KEYS[1], ARGV[2]) end
if redis.call('ZSCORE', KEYS[2], ARGV[1]) then redis.call('HSET', KEYS[1], ARGV[2], ARGV[3]) end
