-- Change values by hand, each only while it is still as its reviewer saw it. A change that would alter nothing is taken,
-- and leaves no trace. Returns for each {0: no such row yet, 1: it is so now, 2: changed meanwhile, 3: two people enter
-- it, and another must go on; the row's record; its open entries}
-- KEYS  job, rows, corrections, history, review, indexed, revised, entries
-- ARGV  by, then for each change: value, row, chunk, revision seen, verdict, the row's values to review as lines, 1
--       where two people enter it
local time = redis.call('TIME')
local now = string.format('%.3f', time[1] + time[2] / 1000000)
local answers, changed, more, answered = {}, false, 0, 0

-- 1 where any of these values has no answer: a row counts as answered once each of those to review has one
local function waits(values)
  for value in string.gmatch(values, '[^\n]+') do
    local record = redis.call('HGET', KEYS[3], value)
    if not record or string.match(record, '^%d+ (%S+)') == '-' then return 1 end
  end
  return 0
end

-- What a value that two people enter comes to say, and its open entries, where this person says ``verdict``. Nothing
-- where that changes nothing, and false where another must go on.
local function enter(open, present, verdict)
  local entries, own = {}, nil
  for said, by in string.gmatch(open, '(%S+) (%S+) %S+') do
    entries[#entries + 1] = said
    if by == ARGV[1] then own = #entries end
  end
  local entry = verdict .. ' ' .. ARGV[1] .. ' ' .. now
  if #entries == 0 then
    if verdict == present then return nil end
    return '-', verdict == '-' and '' or entry
  elseif own then
    if verdict == entries[own] then return nil end
    if #entries == 2 then return false end
    return '-', verdict == '-' and '' or entry
  elseif verdict == '-' then
    return false
  elseif #entries == 2 or verdict == entries[1] then
    return verdict, ''
  end
  return '-', open .. ' ' .. entry
end

for at = 2, #ARGV, 7 do
  local value, row, chunk, seen, verdict = ARGV[at], ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3]), ARGV[at + 4]
  local record = redis.call('HGET', KEYS[3], value)
  local revision, present = 0, '-'
  if record then
    local number, said = string.match(record, '^(%d+) (%S+)')
    revision, present = tonumber(number), said
  end
  local open = redis.call('HGET', KEYS[8], value) or ''
  local says, entries = verdict, ''
  if ARGV[at + 6] == '1' then
    says, entries = enter(open, present, verdict)
  elseif verdict == present then
    says = nil
  end
  local outcome = 1
  if redis.call('HEXISTS', KEYS[2], chunk) == 0 then
    outcome = 0
  elseif says == false then
    outcome = 3
  elseif says and seen ~= revision then
    outcome = 2
  elseif says then
    changed = true
    answered = answered + waits(ARGV[at + 5])
    record = string.format('%d %s %s %s', revision + 1, says, ARGV[1], now)
    redis.call('HSET', KEYS[3], value, record)
    redis.call('SETBIT', KEYS[7], row, 1)
    -- what this person has said, also where the value does not say so yet
    local said = string.format('%d %s %s %s', revision + 1, verdict, ARGV[1], now)
    redis.call('HSETNX', KEYS[4], string.format('%s %d', value, revision + 1), said)
    if entries ~= '' then
      redis.call('HSET', KEYS[8], value, entries)
    elseif open ~= '' then
      redis.call('HDEL', KEYS[8], value)
    end
    open = entries
    if says ~= '-' then
      redis.call('ZREM', KEYS[5], value)
      if present == '-' then more = more + 1 end
    elseif present ~= '-' then
      -- the chunk is indexed again, which lets the row wait again if the model doubted it
      redis.call('SETBIT', KEYS[6], chunk, 0)
      more = more - 1
    end
    answered = answered - waits(ARGV[at + 5])
  end
  answers[#answers + 1] = {outcome, record or '', open}
end
if changed then
  redis.call('HINCRBY', KEYS[1], 'corrected', more)
  redis.call('HINCRBY', KEYS[1], 'answered', answered)
  local left = redis.call('PTTL', KEYS[2])
  if left > 0 then
    for key = 3, 8 do redis.call('PEXPIRE', KEYS[key], left) end
  end
end
return answers
