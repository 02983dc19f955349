-- Change rows by hand, each only while it is still as its reviewer saw it. A change that would alter nothing is taken,
-- and leaves no trace. Returns for each {0: no such row yet, 1: it is so now, 2: changed meanwhile; the row's record}
-- KEYS  job, rows, corrections, history, review, indexed, revised
-- ARGV  by, then for each change: row, chunk, revision seen, verdict
local time = redis.call('TIME')
local now = string.format('%.3f', time[1] + time[2] / 1000000)
local answers, changed, more = {}, false, 0
for at = 2, #ARGV, 4 do
  local row, chunk, seen, verdict = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2]), ARGV[at + 3]
  local record = redis.call('HGET', KEYS[3], row)
  local revision, present = 0, '-'
  if record then
    local number, said = string.match(record, '^(%d+) (%S+)')
    revision, present = tonumber(number), said
  end
  local outcome = 1
  if redis.call('HEXISTS', KEYS[2], chunk) == 0 then
    outcome = 0
  elseif verdict ~= present and seen ~= revision then
    outcome = 2
  elseif verdict ~= present then
    changed = true
    record = string.format('%d %s %s %s', revision + 1, verdict, ARGV[1], now)
    redis.call('HSET', KEYS[3], row, record)
    redis.call('SETBIT', KEYS[7], row, 1)
    redis.call('HSETNX', KEYS[4], string.format('%s %d', row, revision + 1), record)
    if verdict == '-' then
      -- the chunk is indexed anew, which lets the row wait again if the model doubted it
      redis.call('SETBIT', KEYS[6], chunk, 0)
      more = more - 1
    else
      redis.call('ZREM', KEYS[5], row)
      if present == '-' then more = more + 1 end
    end
  end
  answers[#answers + 1] = {outcome, record or ''}
end
if changed then
  redis.call('HINCRBY', KEYS[1], 'corrected', more)
  local left = redis.call('PTTL', KEYS[2])
  if left > 0 then
    for key = 3, 7 do redis.call('PEXPIRE', KEYS[key], left) end
  end
end
return answers
