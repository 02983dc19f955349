-- Leave in a completed job's record which of its pages were sent twice and which make sets, unless its rows have changed
-- since they were looked at: then as many images have failed no more. A job that is gone stays so.
-- KEYS  job
-- ARGV  JSON of the copies, JSON of the sets, how many images had failed
local job = redis.call('HMGET', KEYS[1], 'record', 'failed')
if not job[1] or (job[2] or '0') ~= ARGV[3] then return 0 end
redis.call('HSET', KEYS[1], 'copies', ARGV[1], 'sets', ARGV[2])
return 1
