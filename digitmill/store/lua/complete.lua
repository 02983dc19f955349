-- Store the rows of a chunk, once; with the last chunk the job is completed.
-- KEYS  job, plan, rows, attempts, leases, active, expiry, queued images, channel,
--       open jobs of the owner, webhooks due
-- ARGV  id, chunk, rows, images, recognized, review, blank, failed, chunks, expires_in, tombstone seconds,
--       1 where a webhook is to tell of the end, 1 where the caller tells the process that waits for the job,
--       engine/precision/device that answered, or nothing
-- Returns {stored, finished, next chunk to send or -1, channel and news for the caller to tell}
local job = redis.call('HMGET', KEYS[1], 'state', 'sent', 'follower', 'started_at', 'computed_by')
if job[1] ~= 'running' then return {0, 0, -1} end
if redis.call('HSETNX', KEYS[3], ARGV[2], ARGV[3]) == 0 then return {0, 0, -1} end
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
redis.call('ZREM', KEYS[5], ARGV[1] .. ' ' .. ARGV[2])
redis.call('DECRBY', KEYS[8], ARGV[4])
for place, status in ipairs({'recognized', 'review', 'blank', 'failed'}) do
  if ARGV[4 + place] ~= '0' then redis.call('HINCRBY', KEYS[1], status, ARGV[4 + place]) end
end
local ways = job[5] or ''
if ARGV[14] ~= '' and not string.find(' ' .. ways .. ' ', ' ' .. ARGV[14] .. ' ', 1, true) then
  ways = ways == '' and ARGV[14] or ways .. ' ' .. ARGV[14]
  redis.call('HSET', KEYS[1], 'computed_by', ways)
end
local chunks = tonumber(ARGV[9])
local following = -1
local sent = tonumber(job[2])
if sent < chunks then
  following = sent
  redis.call('HINCRBY', KEYS[1], 'sent', 1)
end
if redis.call('HLEN', KEYS[3]) < chunks then
  local of = ARGV[2] .. ':'
  redis.call('HDEL', KEYS[4], ARGV[2], of .. 'place', of .. 'poison', of .. 'by', of .. 'claim')
  redis.call('ZADD', KEYS[6], time[1], ARGV[1])
  redis.call('PUBLISH', KEYS[9], 'progress')
  return {1, 0, following}
end
local expires = now + ARGV[10]
local finished_at, expires_at = string.format('%.3f', now), string.format('%.3f', expires)
redis.call('HSET', KEYS[1], 'state', 'completed', 'finished_at', finished_at, 'expires_at', expires_at)
redis.call('ZREM', KEYS[6], ARGV[1])
redis.call('SREM', KEYS[10], ARGV[1])
redis.call('ZADD', KEYS[7], expires, ARGV[1])
if ARGV[12] == '1' then redis.call('ZADD', KEYS[11], now, ARGV[1]) end
redis.call('DEL', KEYS[4])
redis.call('EXPIREAT', KEYS[2], math.ceil(expires))
redis.call('EXPIREAT', KEYS[3], math.ceil(expires))
redis.call('EXPIREAT', KEYS[1], math.ceil(expires + ARGV[11]))
local news = ARGV[1]
if job[3] then
  if chunks == 1 then
    local words = {news, job[4], finished_at, expires_at, ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[14]}
    news = table.concat(words, ' ') .. '\n' .. ARGV[3]
  end
  news = #news .. '\n' .. news
  if ARGV[13] ~= '1' then redis.call('PUBLISH', job[3], news) end
end
redis.call('PUBLISH', KEYS[9], 'completed')
return {1, 1, following, job[3], news}
