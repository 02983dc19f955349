-- Record a job as queued, let it wait for a worker, and return "call" where the caller is to call one, else nothing; or
-- change nothing, and return {digest, id} of the first job under the same idempotency key, "full" where the owner has as
-- many open jobs as may be, "used" where the key that submits it has no images left for today, or "replaced" where this is not the store that the caller means, since it came up empty. An id
-- is recorded once: what repeats the call, because the answer was lost, changes nothing.
-- KEYS  job, plan, jobs of the owner, active, queued images, open jobs of the owner, waiting, called, turn,
--       id of the store, images that the key submitted today, idempotency (may be absent)
-- ARGV  id, owner, created_at, total, chunks that wait under their own names, record, most open jobs, digest, seconds to
--       remember it, channel of a process that waits for the job, what waits for a worker, its score: of a chunk by itself in
--       waiting, of a job in its owner's list, the id that the store must have (or nothing), role of the workers that take
--       it where these are no readers, score of an owner who comes,
--       images that the key may submit in a day, or nothing,
--       fields and values of a plan that is not saved yet
local noted = redis.call('MGET', KEYS[10], KEYS[9], KEYS[5], KEYS[8])
local turn, queued, called = (noted[2] or 0) + 1, (noted[3] or 0) + ARGV[4], noted[4]
if ARGV[13] ~= '' and noted[1] ~= ARGV[13] then return 'replaced' end
if KEYS[12] then
  local known = redis.call('HMGET', KEYS[12], 'digest', 'job')
  if known[2] == ARGV[1] then return 'call' end
  if known[1] then return known end
end
if redis.call('EXISTS', KEYS[1]) == 1 then return 'call' end
if redis.call('SCARD', KEYS[6]) >= tonumber(ARGV[7]) then return 'full' end
local seconds = tonumber(redis.call('TIME')[1])
if ARGV[16] ~= '' then
  if (redis.call('GET', KEYS[11]) or 0) + ARGV[4] > tonumber(ARGV[16]) then return 'used' end
  redis.call('INCRBY', KEYS[11], ARGV[4])
  redis.call('EXPIREAT', KEYS[11], seconds - seconds % 86400 + 86400)
end
if KEYS[12] then
  redis.call('HSET', KEYS[12], 'digest', ARGV[8], 'job', ARGV[1])
  redis.call('EXPIRE', KEYS[12], ARGV[9])
end
local more = ARGV[10] ~= '' and {'follower', ARGV[10]} or {}
if ARGV[14] ~= '' then
  more[#more + 1] = 'role'
  more[#more + 1] = ARGV[14]
end
redis.call('SADD', KEYS[6], ARGV[1])
redis.call('HSET', KEYS[1], 'record', ARGV[6], 'owner', ARGV[2], 'state', 'queued', 'total', ARGV[4],
  'recognized', 0, 'review', 0, 'blank', 0, 'failed', 0, 'sent', ARGV[5], unpack(more))
if ARGV[17] then
  redis.call('HSET', KEYS[2], unpack(ARGV, 17))
else
  redis.call('PERSIST', KEYS[2])
end
redis.call('ZADD', KEYS[3], 0, ARGV[1])
redis.call('ZADD', KEYS[4], seconds, ARGV[1])
redis.call('MSET', KEYS[5], string.format('%.0f', queued), KEYS[9], string.format('%.0f', turn))
if ARGV[11] == ARGV[1] then
  redis.call('ZADD', KEYS[7] .. ':of:' .. ARGV[2], ARGV[12] + turn, ARGV[1])
  redis.call('ZADD', KEYS[7], 'LT', ARGV[15], ':' .. ARGV[2])
else
  redis.call('ZADD', KEYS[7], ARGV[12] + turn, ARGV[11])
end
if called then return end
redis.call('SET', KEYS[8], '1', 'PX', 10000)
return 'call'
