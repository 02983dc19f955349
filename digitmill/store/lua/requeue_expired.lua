-- Let chunks wait again whose lease has ended: their worker went silent, or gave them back. Returns their members.
-- KEYS  leases, waiting, turn
-- ARGV  how many at most, score of the first that waits again
local time = redis.call('TIME')
local found = {}
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], '-inf', time[1] + time[2] / 1000000, 'BYSCORE', 'LIMIT', 0, ARGV[1])) do
  -- the first write frees memory: a full Redis lets the others pass
  redis.call('ZREM', KEYS[1], member)
  local id, chunk = string.match(member, '^(%S+) (%d+)$')
  local job = id and redis.call('HMGET', 'dm:job:' .. id, 'state', 'role') or {}
  local open = job[1] == 'queued' or job[1] == 'running'
  if open and redis.call('HEXISTS', 'dm:job:' .. id .. ':rows', chunk) == 0 then
    local waiting = job[2] and KEYS[2] .. ':' .. job[2] or KEYS[2]
    redis.call('ZADD', waiting, ARGV[2] + redis.call('INCR', KEYS[3]), member)
    found[#found + 1] = member
  end
end
return found
