-- Give a reviewer rows to answer: those that it holds already and, up to the limit, the least sure of the rest.
-- KEYS  rows, review, held
-- ARGV  reviewer, limit, seconds, most reviewers, then the digits whose rows are wanted
-- Returns {end of the lease, rows wanted, rows that wait by digit}; nothing where too many reviewers hold rows
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

local wanted = {}
for at = 5, #ARGV do wanted[tonumber(ARGV[at])] = true end
local rows = {}
for place = 2, #mine do
  local row = mine[place]
  local score = not taken[row] and redis.call('ZSCORE', KEYS[2], row)
  if score and wanted[math.floor(score / 2)] and #rows < limit then
    rows[#rows + 1] = row
    taken[row] = true
  end
end

local found, waiting = {}, {}
for digit = 0, 9 do
  local low, high = 2 * digit, 2 * digit + 1
  waiting[digit + 1] = redis.call('ZCOUNT', KEYS[2], low, high)
  local missing, offset = limit - #rows, 0
  while wanted[digit] and missing > 0 do
    local range = redis.call('ZRANGE', KEYS[2], low, high, 'BYSCORE', 'LIMIT', offset, SOME, 'WITHSCORES')
    for at = 1, #range, 2 do
      if not taken[range[at]] then
        found[#found + 1] = {range[at + 1] - low, tonumber(range[at])}
        missing = missing - 1
      end
    end
    offset = offset + SOME
    if #range < 2 * SOME then break end
  end
end
table.sort(found, function(a, b) return a[1] < b[1] or (a[1] == b[1] and a[2] < b[2]) end)
for place = 1, math.min(limit - #rows, #found) do rows[#rows + 1] = string.format('%d', found[place][2]) end

if #rows > 0 then
  redis.call('HSET', KEYS[3], ARGV[1], ending .. ' ' .. table.concat(rows, ' '))
  local left = redis.call('PTTL', KEYS[1])
  if left > 0 then redis.call('PEXPIRE', KEYS[3], left) end
else
  redis.call('HDEL', KEYS[3], ARGV[1])
end
return {ending, rows, waiting}
