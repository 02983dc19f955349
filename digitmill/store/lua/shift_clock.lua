-- Redis' clock was moved: move along what was written by it before, once, whoever sees it. Moved by 0, what lies further
-- ahead than anything that is written now comes back to now. Returns how often the clock was moved.
-- KEYS  moves of the clock, leases, active, workers, trainers, webhooks due, then what ends by itself and is better gone
--       than late
-- ARGV  moves that the caller has seen, seconds by which it was moved, seconds of the longest lease
local moves = tonumber(redis.call('GET', KEYS[1]) or 0)
if moves ~= tonumber(ARGV[1]) then return moves end
local by = tonumber(ARGV[2])
-- the first write frees memory: a full Redis lets the others pass
redis.call('DEL', unpack(KEYS, 7))
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local function shift(key, latest)
  local all = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  for at = 1, #all, 2 do
    local score = tonumber(all[at + 1])
    -- what was written since lies nearer to the time as it is now
    local moved = math.abs(score + by - now) < math.abs(score - now) and score + by or score
    if moved > latest then moved = now end
    if moved ~= score then redis.call('ZADD', key, string.format('%.6f', moved), all[at]) end
  end
end
shift(KEYS[2], now + ARGV[3])
shift(KEYS[3], now)
shift(KEYS[4], now)
shift(KEYS[5], now)
-- events too early are tried in vain at the worst; moved back, they would be hours late
if by < 0 then shift(KEYS[6], math.huge) end
if by == 0 then return moves end
redis.call('SET', KEYS[1], moves + 1)
return moves + 1
