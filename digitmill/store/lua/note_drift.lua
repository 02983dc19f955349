-- Leave in a job's record how it differs from those before, and forget what its images were like; a job that is gone
-- stays so. What is due then is due once, however often this is said.
-- KEYS  job, looks, webhooks due
-- ARGV  JSON, the event that is due then, or nothing, what is due then for endpoints, or nothing
if redis.call('HEXISTS', KEYS[1], 'record') == 0 then return 0 end
local first = redis.call('HEXISTS', KEYS[1], 'drift') == 0
redis.call('HSET', KEYS[1], 'drift', ARGV[1])
if first and ARGV[2] ~= '' then redis.call('ZADD', KEYS[3], redis.call('TIME')[1], ARGV[2]) end
if first and ARGV[3] ~= '' and redis.call('HEXISTS', 'dm:webhooks:endpoints', redis.call('HGET', KEYS[1], 'owner')) == 1 then
  redis.call('ZADD', KEYS[3], redis.call('TIME')[1], ARGV[3])
end
redis.call('UNLINK', KEYS[2])
return 1
