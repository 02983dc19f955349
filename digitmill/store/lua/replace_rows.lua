-- Put other rows in the place of those of a chunk, of which one image has another status then. They are indexed again, and
-- copies and sets among them are looked for again.
-- KEYS  job, rows, indexed
-- ARGV  chunk, the rows as they were looked at, the new ones, the status that the image had, and the one that it has
-- Returns whether they are there now
local present = redis.call('HGET', KEYS[2], ARGV[1])
if present == ARGV[3] then return 1 end
if present ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
redis.call('HINCRBY', KEYS[1], ARGV[4], -1)
redis.call('HINCRBY', KEYS[1], ARGV[5], 1)
redis.call('HDEL', KEYS[1], 'copies', 'sets')
if redis.call('EXISTS', KEYS[3]) == 1 then redis.call('SETBIT', KEYS[3], ARGV[1], 0) end
return 1
