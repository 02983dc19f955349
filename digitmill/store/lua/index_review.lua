-- Let the rows of a done chunk that the model doubted wait for a reviewer, but for those that one has answered.
-- KEYS  rows, corrections, review, indexed
-- ARGV  chunk, then for each such row: its score, the row
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return end
for at = 2, #ARGV, 2 do
  local record = redis.call('HGET', KEYS[2], ARGV[at + 1])
  if not record or string.match(record, '^%d+ %-') then
    redis.call('ZADD', KEYS[3], ARGV[at], ARGV[at + 1])
  end
end
redis.call('SETBIT', KEYS[4], ARGV[1], 1)
local left = redis.call('PTTL', KEYS[1])
if left > 0 then
  redis.call('PEXPIRE', KEYS[3], left)
  redis.call('PEXPIRE', KEYS[4], left)
end
