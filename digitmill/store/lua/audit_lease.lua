-- Let a lease that ends later than any is given end now: a clock that was moved left it behind. Returns 1 where it did.
-- KEYS  leases
-- ARGV  member, 1 where it is to be mended, seconds of the longest lease
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local ends = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not ends or tonumber(ends) <= now + ARGV[3] then return 0 end
if ARGV[2] == '1' then
  redis.call('ZREM', KEYS[1], ARGV[1])
  redis.call('ZADD', KEYS[1], now, ARGV[1])
end
return 1
