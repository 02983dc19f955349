-- Let the chunks of an open job wait again that are not done, held by nobody and do not wait: whoever took them out died
-- before he held them, Redis lost its last moments, or an earlier release sent them by messages. Returns their number.
-- KEYS  job, plan, rows, leases, active, waiting, turn
-- ARGV  id, score of chunks that wait again, score of the job in its owner's list, score of an owner who comes
local job = redis.call('HMGET', KEYS[1], 'state', 'sent', 'owner')
if job[1] ~= 'queued' and job[1] ~= 'running' then return 0 end
local done = {}
for _, chunk in ipairs(redis.call('HKEYS', KEYS[3])) do done[tonumber(chunk)] = true end
local chunks, sent, lost = redis.call('HSTRLEN', KEYS[2], 'starts') / 4, tonumber(job[2]), 0
for chunk = 0, math.min(sent, chunks) - 1 do
  local member = ARGV[1] .. ' ' .. string.format('%d', chunk)
  if not done[chunk] and not redis.call('ZSCORE', KEYS[4], member) and not redis.call('ZSCORE', KEYS[6], member) then
    redis.call('ZADD', KEYS[6], ARGV[2] + redis.call('INCR', KEYS[7]), member)
    lost = lost + 1
  end
end
local list, owner = KEYS[6] .. ':of:' .. job[3], ':' .. job[3]
if sent < chunks and not (redis.call('ZSCORE', list, ARGV[1]) and redis.call('ZSCORE', KEYS[6], owner)) then
  redis.call('ZADD', list, ARGV[3] + redis.call('INCR', KEYS[7]), ARGV[1])
  redis.call('ZADD', KEYS[6], 'LT', ARGV[4], owner)
  lost = lost + 1
end
if lost > 0 then redis.call('ZADD', KEYS[5], redis.call('TIME')[1], ARGV[1]) end
return lost
