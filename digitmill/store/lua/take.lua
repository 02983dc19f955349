-- Take and claim the most urgent work: several small jobs at once, or one chunk of anything else. Of what is equally urgent,
-- small jobs and chunks to be done again are served in the order in which they came. The jobs of one owner lie in a list of
-- their own, by their priority and then by turns, and the owner stands for them in waiting: the one who was given the fewest
-- images comes first. The same call again, whose answer was lost, is given the same answer.
-- KEYS  waiting, called, what this process took last, turn, leases, active
-- ARGV  a word of this call's own, small jobs at most (0: the worker leaves), lease in seconds, strikes, name of the
--       process that asks, 1 where it comes by the call that was made last, 1 where it will ask again,
--       member and score of what it popped out of waiting, or nothing
-- Returns {1 where the caller is to call another worker, 1 where more waits than it is to do alone, 1 where all that was
--          taken is small, then for each chunk {job id; chunk; attempt, counted from 1; its poison; the job; the chunk's
--          entries; its first row as u32; the upload, if it is there}}
local URGENCY, PRIORITIES = 1099511627776, 3
-- so many images fewer than the owner who is furthest counts one as given who comes, or comes back, and had fewer: so a job
-- of few chunks is done at once beside a backlog, and who was away for long does not hold up the others for as long
local AHEAD = 4096
local LISTS, GIVEN, FURTHEST = KEYS[1] .. ':of:', KEYS[1] .. ':given', ''
local CALL_MILLISECONDS, STAY_MILLISECONDS, KNOWN_MILLISECONDS = 10000, 1000, 60000
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000

local function claim(id, chunk)
  local job = redis.call('HGETALL', 'dm:job:' .. id)
  local state
  for at = 1, #job, 2 do
    if job[at] == 'state' then state = job[at + 1] end
  end
  if state ~= 'queued' and state ~= 'running' then return end
  local plan = redis.call('HMGET', 'dm:job:' .. id .. ':plan', chunk, 'starts', 'upload')
  if not plan[1] then return end
  local member, attempts = id .. ' ' .. chunk, 'dm:job:' .. id .. ':attempts'
  local first = string.sub(plan[2], 4 * chunk + 1, 4 * chunk + 4)
  local attempt, poison = 1, ''
  if state == 'running' then
    if redis.call('HEXISTS', 'dm:job:' .. id .. ':rows', chunk) == 1 then return end
    local lease = redis.call('ZSCORE', KEYS[5], member)
    if lease and tonumber(lease) > now then
      local known = redis.call('HMGET', attempts, chunk .. ':claim', chunk, chunk .. ':poison')
      if known[1] ~= ARGV[1] then return end
      return {id, tonumber(chunk), tonumber(known[2]), known[3] or '', job, plan[1], first, plan[3]}
    end
  end
  redis.call('ZADD', KEYS[5], now + ARGV[3], member)
  if state == 'queued' then
    local started_at = string.format('%.3f', now)
    redis.call('HSET', 'dm:job:' .. id, 'state', 'running', 'started_at', started_at)
    -- a job of one chunk is mostly over before anybody has asked
    if #plan[2] > 4 then redis.call('PUBLISH', 'dm:job:' .. id .. ':events', 'running') end
    for _, word in ipairs({'state', 'running', 'started_at', started_at}) do job[#job + 1] = word end
    redis.call('HSET', attempts, chunk, 1, chunk .. ':by', ARGV[5], chunk .. ':claim', ARGV[1])
  else
    redis.call('ZADD', KEYS[6], time[1], id)
    local before = redis.call('HMGET', attempts, chunk .. ':place', chunk .. ':poison')
    poison = before[2] or ''
    if before[1] then
      redis.call('HDEL', attempts, chunk .. ':place')
      if redis.call('HINCRBY', attempts, chunk .. ':strikes:' .. before[1], 1) == tonumber(ARGV[4]) then
        poison = poison .. before[1] .. ' '
        redis.call('HSET', attempts, chunk .. ':poison', poison)
      end
    end
    redis.call('HSET', attempts, chunk .. ':by', ARGV[5], chunk .. ':claim', ARGV[1])
    attempt = redis.call('HINCRBY', attempts, chunk, 1)
  end
  return {id, tonumber(chunk), attempt, poison, job, plan[1], first, plan[3]}
end

local claims, small, none_left = {}, true, false
-- Whether another worker is wanted for what is left. Few small jobs are left to the worker that stays: two of them would
-- answer in smaller batches, which take both more time.
local function left()
  if none_left then return 0 end
  local waiting = redis.call('ZCARD', KEYS[1])
  if ARGV[7] == '1' and small and #claims > 0 and waiting < 2 * tonumber(ARGV[2]) then
    return redis.call('ZCOUNT', KEYS[1], URGENCY, '+inf') > 0 and 1 or 0
  end
  return waiting > 0 and 1 or 0
end

local known = redis.call('GET', KEYS[3])
if known and string.match(known, '^%S+') == ARGV[1] then
  small = string.match(known, '^%S+ (%d)') == '1'
  for id, chunk in string.gmatch(known, '\n(%S+) (%d+)') do claims[#claims + 1] = claim(id, chunk) end
  return {left(), left(), small and 1 or 0, unpack(claims)}
end

-- the first write of all is a lease: a full Redis refuses it, and with it the whole call
local members = ''
local function take(id, chunk)
  local found = claim(id, chunk)
  if found then
    claims[#claims + 1] = found
    members = members .. '\n' .. id .. ' ' .. chunk
  end
  return found
end

-- Take the next chunk of a job; returns the images that it is counted as, and whether the job has more chunks. Nothing
-- where there is none to take.
local function take_next(id)
  local job = redis.call('HMGET', 'dm:job:' .. id, 'state', 'sent', 'total')
  if job[1] ~= 'queued' and job[1] ~= 'running' then return end
  local chunks = redis.call('HSTRLEN', 'dm:job:' .. id .. ':plan', 'starts') / 4
  for number = tonumber(job[2] or 0), chunks - 1 do
    local found = take(id, string.format('%d', number))
    redis.call('HSET', 'dm:job:' .. id, 'sent', string.format('%d', number + 1))
    if found then return math.ceil(job[3] / chunks), number + 1 < chunks end
  end
end

local function given_to(owner)
  return tonumber(redis.call('HGET', GIVEN, owner) or 0)
end

-- Count images as given to an owner, and let him wait behind those who were given fewer.
local function place(member, urgency, images)
  local owner = string.sub(member, 2)
  local furthest = given_to(FURTHEST)
  local given = math.max(1, given_to(owner), furthest - AHEAD)
  if images > 0 and given > furthest then redis.call('HSET', GIVEN, FURTHEST, string.format('%.0f', given)) end
  given = given + images
  redis.call('HSET', GIVEN, owner, string.format('%.0f', given))
  redis.call('ZADD', KEYS[1], urgency * URGENCY + math.min(given, URGENCY - 1), member)
end

-- An owner who came since the last call stands in front of all others.
local function is_new(member, score)
  return string.sub(member, 1, 1) == ':' and score % URGENCY == 0
end

-- Take a chunk of the first job of an owner that has one; returns whether he has more.
local function serve_owner(member)
  local list = LISTS .. string.sub(member, 2)
  local function first()
    local found = redis.call('ZRANGE', list, 0, 0, 'WITHSCORES')
    return found[1], found[1] and math.floor(found[2] / URGENCY)
  end
  local id, rank = first()
  local images, more
  while id and not images do
    images, more = take_next(id)
    if more then
      redis.call('ZADD', list, rank * URGENCY + redis.call('INCR', KEYS[4]), id)
    else
      redis.call('ZREM', list, id)
    end
    id, rank = first()
  end
  place(member, id and math.floor(rank / PRIORITIES) or 0, images or 0)
  if id then return true end
  redis.call('ZREM', KEYS[1], member)
  -- where nobody waits nobody is behind
  if redis.call('ZCOUNT', KEYS[1], 2 * URGENCY, '+inf') == 0 then redis.call('DEL', GIVEN) end
end

-- Take what a member of waiting stands for: one chunk, or the next of an owner; returns whether the member stays.
local function serve(member, popped)
  if string.sub(member, 1, 1) == ':' then return serve_owner(member) end
  local id, chunk = string.match(member, '^(%S+) (%d+)$')
  if chunk then take(id, chunk) end
  -- of a job by itself, as the release before noted it, the sweep knows
  if not popped then redis.call('ZREM', KEYS[1], member) end
end

local most = tonumber(ARGV[2])
if ARGV[8] then
  small = tonumber(ARGV[9]) < URGENCY
  serve(ARGV[8], true)
end
while #claims < most and (small or #claims == 0) do
  local head = redis.call('ZRANGE', KEYS[1], 0, most - #claims - 1, 'WITHSCORES')
  local all, full = #head < 2 * (most - #claims), false
  for at = 1, #head, 2 do
    local member, score = head[at], tonumber(head[at + 1])
    -- nothing else goes with small jobs
    full = #claims > 0 and (not small or score >= URGENCY)
    if full then break end
    small = score < URGENCY
    if is_new(member, score) then
      -- he goes to his place, and then it is looked who is first
      place(member, score / URGENCY, 0)
      all = false
      break
    end
    if serve(member) then all = false end
  end
  none_left = all and not full
  if full or none_left then break end
end

-- what was popped and taken alone is named by the call itself, and its claim knows the word
if #claims > 0 and members ~= '\n' .. (ARGV[8] or '') then
  redis.call('SET', KEYS[3], ARGV[1] .. (small and ' 1' or ' 0') .. members, 'PX', KNOWN_MILLISECONDS)
end
local more, call = left(), 0
if more == 1 then
  if ARGV[6] == '1' then
    redis.call('SET', KEYS[2], '1', 'PX', CALL_MILLISECONDS)
    call = 1
  elseif redis.call('SET', KEYS[2], '1', 'NX', 'PX', CALL_MILLISECONDS) then
    call = 1
  end
elseif ARGV[7] == '1' and #claims > 0 then
  redis.call('SET', KEYS[2], '1', 'PX', STAY_MILLISECONDS)
else
  redis.call('DEL', KEYS[2])
end
return {call, more, small and 1 or 0, unpack(claims)}
