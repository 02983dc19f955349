-- Lay a message into the queue of bulk work and take the one that has waited there longest, unless a worker is asked for
-- something more urgent.
-- KEYS  the broker's queues: of events, of interactive work, of bulk work
-- ARGV  the message, if there is one
-- Returns the message taken, or nothing
if ARGV[1] then redis.call('LPUSH', KEYS[3], ARGV[1]) end
if redis.call('EXISTS', KEYS[1], KEYS[2]) > 0 then return false end
return redis.call('RPOP', KEYS[3])
