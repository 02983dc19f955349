-- Let a cancelled job go on with the chunks that are not done; any other job stays as it is. Returns "call" where the caller
-- is to call a worker, "full" where the owner has as many open jobs as may be, else nothing.
-- KEYS  job, plan, rows, open jobs of the owner, active, expiry, queued images, waiting, called, turn, webhooks due,
--       log of webhooks, channel, then whatever else goes with the rows
-- ARGV  id, most open jobs, score of chunks that wait again, score of the job in its owner's list, the statuses that a row may have,
--       score of an owner who comes
local job = redis.call('HMGET', KEYS[1], 'state', 'total', 'sent', 'expires_at', 'started_at', 'owner')
-- what repeats the call, because the answer was lost
if job[1] == 'queued' or job[1] == 'running' then return 'call' end
local time = redis.call('TIME')
if job[1] ~= 'cancelled' or tonumber(job[4]) <= time[1] + time[2] / 1000000 then return end
local chunks = redis.call('HSTRLEN', KEYS[2], 'starts') / 4
if chunks == 0 then return end
if redis.call('SCARD', KEYS[4]) >= tonumber(ARGV[2]) then return 'full' end
local done, missing = {}, job[2]
for _, chunk in ipairs(redis.call('HKEYS', KEYS[3])) do done[tonumber(chunk)] = true end
for status in string.gmatch(ARGV[5], '%S+') do
  missing = missing - (redis.call('HGET', KEYS[1], status) or 0)
end
-- the first write takes memory: a full Redis refuses it, and with it the whole call
redis.call('SADD', KEYS[4], ARGV[1])
redis.call('HSET', KEYS[1], 'state', job[5] and 'running' or 'queued')
redis.call('HINCRBY', KEYS[1], 'resumed', 1)
redis.call('HDEL', KEYS[1], 'finished_at', 'expires_at', 'error', 'told', 'follower')
redis.call('ZREM', KEYS[6], ARGV[1])
redis.call('ZREM', KEYS[11], ARGV[1], ARGV[1] .. ':results')
redis.call('DEL', KEYS[12], KEYS[12] .. ':results')
for key = 1, 3 do redis.call('PERSIST', KEYS[key]) end
for key = 14, #KEYS do redis.call('PERSIST', KEYS[key]) end
redis.call('ZADD', KEYS[5], time[1], ARGV[1])
redis.call('INCRBY', KEYS[7], missing)
local sent = math.min(tonumber(job[3]), chunks)
for chunk = 0, sent - 1 do
  if not done[chunk] then
    redis.call('ZADD', KEYS[8], ARGV[3] + redis.call('INCR', KEYS[10]), ARGV[1] .. ' ' .. string.format('%d', chunk))
  end
end
if sent < chunks then
  redis.call('ZADD', KEYS[8] .. ':of:' .. job[6], ARGV[4] + redis.call('INCR', KEYS[10]), ARGV[1])
  redis.call('ZADD', KEYS[8], 'LT', ARGV[6], ':' .. job[6])
end
redis.call('PUBLISH', KEYS[13], 'queued')
redis.call('SET', KEYS[9], '1', 'PX', 10000)
return 'call'
