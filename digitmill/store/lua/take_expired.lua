-- Take jobs that have expired for some seconds. Returns their ids.
-- KEYS  expiry
-- ARGV  how many, seconds
-- whole seconds, by which a job says that it has expired
local now = redis.call('TIME')[1]
local ids = redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[1])
for _, id in ipairs(ids) do
  -- the first write frees memory: a full Redis lets the second pass
  redis.call('ZREM', KEYS[1], id)
  redis.call('ZADD', KEYS[1], now + ARGV[2], id)
end
return ids
