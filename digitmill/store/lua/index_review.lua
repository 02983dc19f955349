-- Let the values of a done chunk that the model doubted wait for a reviewer, but for those that one has answered.
-- KEYS  rows, corrections, review, indexed, groups
-- ARGV  chunk, how many groups come first, these, then for each such value: its group, its confidence, the value
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return end
local first = 3 + ARGV[2]
if redis.call('EXISTS', KEYS[5]) == 0 then
  for at = 3, first - 1 do redis.call('HSET', KEYS[5], ARGV[at], at - 3) end
end
for at = first, #ARGV, 3 do
  local group, value = ARGV[at], ARGV[at + 2]
  local record = redis.call('HGET', KEYS[2], value)
  if not record or string.match(record, '^%d+ %-') then
    redis.call('HSETNX', KEYS[5], group, redis.call('HLEN', KEYS[5]))
    local score = 2 * redis.call('HGET', KEYS[5], group) + ARGV[at + 1]
    redis.call('ZADD', KEYS[3], string.format('%.17g', score), value)
  end
end
redis.call('SETBIT', KEYS[4], ARGV[1], 1)
local left = redis.call('PTTL', KEYS[1])
if left > 0 then
  for key = 3, 5 do redis.call('PEXPIRE', KEYS[key], left) end
end
