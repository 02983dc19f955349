-- Leave in a completed job's record which of its pages were sent twice, unless its rows have changed since they were looked
-- at: then as many images have failed no more. A job that is gone stays so.
-- KEYS  job
-- ARGV  JSON, how many images had failed
local job = redis.call('HMGET', KEYS[1], 'record', 'failed')
if not job[1] or (job[2] or '0') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'copies', ARGV[1])
return 1
