-- What a Redis server holds, as lines for kv(1) to import into the bucket
-- `redis`, times to live included:
--
--	redis-cli --eval from-redis.lua | kv import
--
-- The keys are of one moment, and Redis answers nobody else until they have
-- been read.  Only strings are moved.  Of each other key there is a line that
-- import refuses, so that none is left out in silence.

-- Words are as in kvd_protocol(7), with all that is not plain ASCII escaped.
local function quote(s)
	return '"' .. s:gsub('[%c"\\\127-\255]', function(c)
		return ('\\x%02x'):format(c:byte())
	end) .. '"'
end

local lines = { 'CREATE redis' }
for _, key in ipairs(redis.call('KEYS', '*')) do
	local kind = redis.call('TYPE', key).ok
	local line = kind .. ' ' .. quote(key)
	if kind == 'string' then
		local ms = redis.call('PTTL', key)
		line = 'PUT redis ' .. quote(key) .. ' ' ..
		    quote(redis.call('GET', key))
		if ms > 0 then
			line = line .. ' EX ' .. math.ceil(ms / 1000)
		end
	end
	lines[#lines + 1] = line
end
return lines
