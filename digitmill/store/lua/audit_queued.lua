-- Count the images of open jobs that have no row, and correct their counter. Returns 1 where it differed.
-- KEYS  queued images, active
-- ARGV  1 where it is to be mended, then the statuses that a row may have
local images = 0
for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  local job = redis.call('HMGET', 'dm:job:' .. id, 'state', 'total', unpack(ARGV, 2))
  if job[1] == 'queued' or job[1] == 'running' then
    images = images + job[2]
    for place = 3, #ARGV + 1 do images = images - (job[place] or 0) end
  end
end
if tonumber(redis.call('GET', KEYS[1]) or 0) == images then return 0 end
if ARGV[1] == '1' then
  redis.call('DEL', KEYS[1])
  redis.call('SET', KEYS[1], string.format('%d', images))
end
return 1
