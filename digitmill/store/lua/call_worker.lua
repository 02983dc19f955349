-- Whether a worker is to be called: something waits, and none is on its way. Returns 1 where the caller is to call one.
-- KEYS  waiting, called
if redis.call('ZCARD', KEYS[1]) == 0 then return 0 end
return redis.call('SET', KEYS[2], '1', 'NX', 'PX', 10000) and 1 or 0
