-- Let another owner have an owner's endpoints, behind those that it has.
-- KEYS  endpoints, owners of whom one is told of progress
-- ARGV  owner that has them, owner that is given them
local old, own = unpack(redis.call('HMGET', KEYS[1], ARGV[1], ARGV[2]))
if not old then return end
-- both are JSON lists that are not empty
local all = own and string.sub(own, 1, -2) .. ',' .. string.sub(old, 2) or old
-- the first write frees memory: a full Redis lets the others pass
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[1], ARGV[2], all)
if redis.call('SREM', KEYS[2], ARGV[1]) == 1 then redis.call('SADD', KEYS[2], ARGV[2]) end
