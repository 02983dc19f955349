-- Rename a key, unless there is another of the new name. Its life stays. It takes no memory.
-- KEYS  old name, new name
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('RENAMENX', KEYS[1], KEYS[2]) end
