-- Note a raised threshold of a job, unless people's answers have changed since its rows were looked at. What waits is
-- indexed again. Returns whether it is noted.
-- KEYS  job, history, review, indexed
-- ARGV  threshold, by, entries of the history as they were looked at, accepted rows below the threshold, how many of the
--       rows that are now to review are answered
if redis.call('HEXISTS', KEYS[1], 'record') == 0 then return 0 end
if redis.call('HGET', KEYS[1], 'raised_below') == ARGV[1] then return 1 end
if redis.call('HLEN', KEYS[2]) ~= tonumber(ARGV[3]) then return 0 end
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], 'raised_below', ARGV[1], 'raised_by', ARGV[2],
  'raised_at', string.format('%.3f', time[1] + time[2] / 1000000), 'raised', ARGV[4], 'answered', ARGV[5])
redis.call('UNLINK', KEYS[3], KEYS[4])
return 1
