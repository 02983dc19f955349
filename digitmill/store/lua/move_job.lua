-- Give a job to another owner. One that is gone, or is not the old owner's, leaves the old owner's lists and is not changed.
-- KEYS  job, jobs of the old owner, open jobs of the old owner, jobs of the new owner, open jobs of the new owner
-- ARGV  id, old owner, new owner
-- the first writes free memory: a full Redis lets the others pass
local open = redis.call('SREM', KEYS[3], ARGV[1])
local listed = redis.call('ZREM', KEYS[2], ARGV[1])
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[2] then return end
redis.call('HSET', KEYS[1], 'owner', ARGV[3])
local role = redis.call('HGET', KEYS[1], 'role')
local waiting = 'dm:waiting' .. (role and ':' .. role or '')
local old, new = waiting .. ':of:' .. ARGV[2], waiting .. ':of:' .. ARGV[3]
local score = redis.call('ZSCORE', old, ARGV[1])
if score then
  redis.call('ZREM', old, ARGV[1])
  redis.call('ZADD', new, score, ARGV[1])
  local of_owner = redis.call('ZSCORE', waiting, ':' .. ARGV[2])
  if of_owner then redis.call('ZADD', waiting, 'LT', of_owner, ':' .. ARGV[3]) end
end
if listed == 1 then redis.call('ZADD', KEYS[4], 0, ARGV[1]) end
if open == 1 then redis.call('SADD', KEYS[5], ARGV[1]) end
