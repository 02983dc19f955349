-- Note what somebody has found in a sample of a job's rows.
-- KEYS  job
-- ARGV  JSON of it
if redis.call('HEXISTS', KEYS[1], 'record') == 0 then return end
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], 'check', ARGV[1], 'check_at', string.format('%.3f', time[1] + time[2] / 1000000))
