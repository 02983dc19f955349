-- Say how many attempts at a chunk count. Changes nothing where its lease is gone or another process has it by now; to
-- run it twice is to run it once.
-- KEYS  leases, attempts
-- ARGV  member of leases, chunk, name of the process that asks, attempts
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return end
if redis.call('HGET', KEYS[2], ARGV[2] .. ':by') ~= ARGV[3] then return end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[4])
