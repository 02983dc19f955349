-- Take a lock that ends by itself. Returns nothing where it was taken, else the word of who holds it.
-- KEYS  lock
-- ARGV  the caller's word, milliseconds, the word of a holder whose time is up by the caller's own clock, or nothing
local held = redis.call('GET', KEYS[1])
if held == ARGV[1] then return false end
if held and held ~= ARGV[3] then return held end
-- the first write frees memory: a full Redis lets the second pass, or nothing would ever make room in it
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return false
