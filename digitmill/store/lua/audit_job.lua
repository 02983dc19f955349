-- Hold what is noted of one job in other places against the job itself, and mend what differs.
-- KEYS  job, plan, rows, attempts, active, expiry, open jobs of its owner
-- ARGV  id, 1 where it is to be mended, seconds that content of no job is kept, then chunks of it that are claimed
-- Returns what differs: active, open, expiry, plans, leases
local job = redis.call('HMGET', KEYS[1], 'state', 'expires_at')
local open = job[1] == 'queued' or job[1] == 'running'
local wrong = {}
local function differs(what, ...)
  wrong[#wrong + 1] = what
  if ARGV[2] == '1' then redis.call(...) end
end
-- what goes comes first: then a full Redis lets the rest pass
for at = 4, #ARGV do
  if not open or redis.call('HEXISTS', KEYS[3], ARGV[at]) == 1 then
    local member = ARGV[1] .. ' ' .. ARGV[at]
    if redis.call('ZSCORE', 'dm:leases', member) then differs('leases', 'ZREM', 'dm:leases', member) end
  end
end
local active = redis.call('ZSCORE', KEYS[5], ARGV[1])
local counted = redis.call('SISMEMBER', KEYS[7], ARGV[1]) == 1
if not open then
  if active then differs('active', 'ZREM', KEYS[5], ARGV[1]) end
  if counted then differs('open', 'SREM', KEYS[7], ARGV[1]) end
  if redis.call('EXISTS', KEYS[4]) == 1 then differs('plans', 'UNLINK', KEYS[4]) end
  if job[2] and redis.call('EXISTS', KEYS[2]) == 1 and not redis.call('ZSCORE', KEYS[6], ARGV[1]) then
    differs('expiry', 'ZADD', KEYS[6], job[2], ARGV[1])
  end
  for key = 2, 3 do
    if redis.call('TTL', KEYS[key]) == -1 then
      if job[2] then
        differs('plans', 'EXPIREAT', KEYS[key], math.ceil(job[2]))
      else
        differs('plans', 'EXPIRE', KEYS[key], ARGV[3])
      end
    end
  end
else
  if redis.call('TTL', KEYS[2]) >= 0 then differs('plans', 'PERSIST', KEYS[2]) end
  if not active then differs('active', 'ZADD', KEYS[5], redis.call('TIME')[1], ARGV[1]) end
  if not counted then differs('open', 'SADD', KEYS[7], ARGV[1]) end
end
return wrong
