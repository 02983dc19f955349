-- Add what was seen of a chunk's images to what is known of its job, once for each chunk: one that is handed in again adds
-- nothing. Of a job that is gone nothing is kept.
-- KEYS  looks, job
-- ARGV  field that says that the chunk is in, seconds that it is kept from now on, then name and number of each count
if redis.call('HEXISTS', KEYS[2], 'record') == 0 then return 0 end
if redis.call('HSETNX', KEYS[1], ARGV[1], 1) == 0 then return 0 end
for at = 3, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[at], ARGV[at + 1]) end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
