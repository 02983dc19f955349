-- Add counts to a tally, once for each word: a chunk that is handed in again adds nothing.
-- KEYS  once, tally, examples
-- ARGV  seconds that the word is remembered, seconds that the tally lives from now on, examples kept, number of counts, then
--       name and number of each, then the examples
-- Returns 1, or 0 where the word is known.
-- the first write takes memory: a full Redis refuses the whole
if not redis.call('SET', KEYS[1], '1', 'NX', 'EX', ARGV[1]) then return 0 end
local at = 5
for _ = 1, tonumber(ARGV[4]) do
  redis.call('HINCRBY', KEYS[2], ARGV[at], ARGV[at + 1])
  at = at + 2
end
redis.call('EXPIRE', KEYS[2], ARGV[2])
for place = at, #ARGV do redis.call('LPUSH', KEYS[3], ARGV[place]) end
redis.call('LTRIM', KEYS[3], 0, ARGV[3] - 1)
redis.call('EXPIRE', KEYS[3], ARGV[2])
return 1
