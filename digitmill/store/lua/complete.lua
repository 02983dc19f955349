-- Store the rows of a chunk, once; with the last chunk the job is completed.
-- KEYS  job, plan, rows, attempts, leases, active, expiry, queued images, channel,
--       open jobs of the owner, webhooks due
-- ARGV  id, chunk, rows, images, status=images,… of the chunk, chunks, expires_in, tombstone seconds,
--       the event that is due then, or nothing, 1 where the caller tells the process that waits for the job,
--       engine/precision/device that answered, or nothing
-- Returns {stored, 0, what is due then for endpoints, if they are told of progress}, or {stored, 1, channel and news for the
-- caller to tell, when it finished, what is due then for endpoints}
local job = redis.call('HMGET', KEYS[1], 'state', 'follower', 'started_at', 'computed_by', 'expires_in', 'owner')
if job[1] ~= 'running' then return {0, 0} end
if redis.call('HSETNX', KEYS[3], ARGV[2], ARGV[3]) == 0 then return {0, 0} end
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
redis.call('ZREM', KEYS[5], ARGV[1] .. ' ' .. ARGV[2])
redis.call('DECRBY', KEYS[8], ARGV[4])
local chunks, fields = tonumber(ARGV[6]), {}
local function set(name, value)
  fields[#fields + 1] = name
  fields[#fields + 1] = value
end
for status, images in string.gmatch(ARGV[5], '([^=,]+)=(%d+)') do
  if chunks == 1 then set(status, images) else redis.call('HINCRBY', KEYS[1], status, images) end
end
local ways = job[4] or ''
if ARGV[11] ~= '' and not string.find(' ' .. ways .. ' ', ' ' .. ARGV[11] .. ' ', 1, true) then
  set('computed_by', ways == '' and ARGV[11] or ways .. ' ' .. ARGV[11])
end
if chunks > 1 and redis.call('HLEN', KEYS[3]) < chunks then
  local of = ARGV[2] .. ':'
  redis.call('HDEL', KEYS[4], ARGV[2], of .. 'place', of .. 'poison', of .. 'by', of .. 'claim')
  redis.call('ZADD', KEYS[6], time[1], ARGV[1])
  if #fields > 0 then redis.call('HSET', KEYS[1], unpack(fields)) end
  redis.call('PUBLISH', KEYS[9], 'progress')
  local due = ''
  if redis.call('SISMEMBER', 'dm:webhooks:progress', job[6]) == 1 then
    local counts, done = redis.call('HMGET', KEYS[1], 'total', 'recognized', 'review', 'blank', 'failed', 'worked'), 0
    for at = 2, 6 do done = done + (counts[at] or 0) end
    local tenth = math.floor(10 * done / counts[1])
    if tenth < 10 and tenth > math.floor(10 * (done - ARGV[4]) / counts[1]) then
      due = ARGV[1] .. ':hooks:' .. string.format('%d', tenth)
      redis.call('ZADD', KEYS[11], now, due)
    end
  end
  return {1, 0, due}
end
local expires = now + (job[5] or ARGV[7])
local finished_at, expires_at = string.format('%.3f', now), string.format('%.3f', expires)
redis.call('HSET', KEYS[1], 'state', 'completed', 'finished_at', finished_at, 'expires_at', expires_at, unpack(fields))
redis.call('ZREM', KEYS[6], ARGV[1])
redis.call('SREM', KEYS[10], ARGV[1])
redis.call('ZADD', KEYS[7], expires, ARGV[1])
if ARGV[9] ~= '' then redis.call('ZADD', KEYS[11], now, ARGV[9]) end
local due = ''
if redis.call('HEXISTS', 'dm:webhooks:endpoints', job[6]) == 1 then
  due = ARGV[1] .. ':hooks:end'
  redis.call('ZADD', KEYS[11], now, due)
end
redis.call('DEL', KEYS[4])
redis.call('EXPIREAT', KEYS[2], math.ceil(expires))
redis.call('EXPIREAT', KEYS[3], math.ceil(expires))
redis.call('EXPIREAT', KEYS[1], math.ceil(expires + ARGV[8]))
local news, frame = ARGV[1], ''
if job[2] then
  if chunks == 1 then
    local words = {news, job[3], finished_at, expires_at, ARGV[5], ARGV[11]}
    news, frame = table.concat(words, ' ') .. '\n' .. ARGV[3], '+'
  end
  news = frame .. #news .. '\n' .. news
  if ARGV[10] ~= '1' then redis.call('PUBLISH', job[2], news) end
end
redis.call('PUBLISH', KEYS[9], 'completed')
return {1, 1, job[2], news, finished_at, due}
