-- Let another owner's webhooks be signed with these secrets too, behind those that it has.
-- KEYS  secrets
-- ARGV  owner that has them, owner that is given them
local secrets = redis.call('HGET', KEYS[1], ARGV[1])
if not secrets then return end
local all, known = cjson.decode(redis.call('HGET', KEYS[1], ARGV[2]) or '[]'), {}
local before = #all
for _, secret in ipairs(all) do known[secret.text] = true end
for _, secret in ipairs(cjson.decode(secrets)) do
  if not known[secret.text] then all[#all + 1] = secret end
end
-- a second run writes nothing: the order of an object's names may differ each time that it is encoded
if #all == before then return end
-- the first write frees memory: a full Redis lets the others pass
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[1], ARGV[1], secrets, ARGV[2], cjson.encode(all))
