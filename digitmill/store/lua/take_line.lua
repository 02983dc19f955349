-- Take chunks out of the line. The bell is held on to while the worker stays: then nobody else needs to be called, unless
-- more stand in line than it takes. It does not stay with an empty line while there is bulk work.
-- KEYS  line, bell, the broker's queue of bulk work
-- ARGV  how many, milliseconds after which the bell is rung again, 1 where the worker would stay
-- Returns {1 where it may stay, the chunks}
local taken = redis.call('LPOP', KEYS[1], ARGV[1]) or {}
local stays = ARGV[3] == '1' and redis.call('LLEN', KEYS[1]) == 0 and (#taken > 0 or redis.call('LLEN', KEYS[3]) == 0)
if stays then
  redis.call('SET', KEYS[2], '1', 'PX', ARGV[2])
else
  redis.call('DEL', KEYS[2])
end
return {stays and 1 or 0, taken}
