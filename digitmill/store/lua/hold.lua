-- Give a reviewer values to answer: those that it holds already and, up to the limit, the least sure of the rest.
-- KEYS  rows, review, held, groups, entries
-- ARGV  reviewer, limit, seconds, most reviewers, = and the group that is wanted (nothing: any), the id of the person's
--       key, then the groups that the reader names
-- Returns {end of the lease, values, {group, how many wait in it, …}}; nothing where too many reviewers hold values
local SOME = 64
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local limit, ending = tonumber(ARGV[2]), string.format('%.3f', now + ARGV[3])
local mine, taken, reviewers = {}, {}, 0
local all = redis.call('HGETALL', KEYS[3])
for at = 1, #all, 2 do
  local words = {}
  for word in string.gmatch(all[at + 1], '%S+') do words[#words + 1] = word end
  if all[at] == ARGV[1] then
    mine = words
  elseif tonumber(words[1]) <= now then
    redis.call('HDEL', KEYS[3], all[at])
  else
    reviewers = reviewers + 1
    for place = 2, #words do taken[words[place]] = true end
  end
end
if reviewers >= tonumber(ARGV[4]) then return false end

local groups, numbers = {}, redis.call('HGETALL', KEYS[4])
for at = 1, #numbers, 2 do groups[numbers[at + 1] + 1] = numbers[at] end
-- of a job that was indexed before groups had names
if #numbers == 0 then groups = {unpack(ARGV, 7)} end
local function wanted(number) return ARGV[5] == '' or ARGV[5] == '=' .. groups[number + 1] end
-- whether this person has said already what there is for one person to say
local by_two = redis.call('EXISTS', KEYS[5]) == 1
local function entered(value)
  local entries = by_two and redis.call('HGET', KEYS[5], value)
  for by in string.gmatch(entries or '', '%S+ (%S+) %S+') do
    if by == ARGV[6] then return true end
  end
  return false
end
local rows = {}
for place = 2, #mine do
  local row = mine[place]
  local score = not taken[row] and redis.call('ZSCORE', KEYS[2], row)
  if score and wanted(math.floor(score / 2)) and #rows < limit and not entered(row) then
    rows[#rows + 1] = row
    taken[row] = true
  end
end

local found, waiting = {}, {}
for number = 0, #groups - 1 do
  local low, high = 2 * number, 2 * number + 1
  waiting[#waiting + 1] = groups[number + 1]
  waiting[#waiting + 1] = redis.call('ZCOUNT', KEYS[2], low, high)
  local missing, offset = limit - #rows, 0
  while wanted(number) and missing > 0 do
    local range = redis.call('ZRANGE', KEYS[2], low, high, 'BYSCORE', 'LIMIT', offset, SOME, 'WITHSCORES')
    for at = 1, #range, 2 do
      if not taken[range[at]] and not entered(range[at]) then
        found[#found + 1] = {range[at + 1] - low, tonumber(string.match(range[at], '^%d+')), range[at]}
        missing = missing - 1
      end
    end
    offset = offset + SOME
    if #range < 2 * SOME then break end
  end
end
table.sort(found, function(a, b)
  if a[1] ~= b[1] then return a[1] < b[1] end
  if a[2] ~= b[2] then return a[2] < b[2] end
  return a[3] < b[3]
end)
for place = 1, math.min(limit - #rows, #found) do rows[#rows + 1] = found[place][3] end

if #rows > 0 then
  redis.call('HSET', KEYS[3], ARGV[1], ending .. ' ' .. table.concat(rows, ' '))
  local left = redis.call('PTTL', KEYS[1])
  if left > 0 then
    redis.call('PEXPIRE', KEYS[3], left)
    redis.call('PEXPIRE', KEYS[4], left)
  end
else
  redis.call('HDEL', KEYS[3], ARGV[1])
end
return {ending, rows, waiting}
