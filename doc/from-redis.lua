-- Prints the contents of a Redis server as lines that kv(1) imports into the
-- bucket `redis`, including times to live:
--
--	redis-cli --eval from-redis.lua | kv import
--
-- The output is a snapshot of one moment; Redis answers nobody else until it has
-- been made.  Only strings are moved.  For each other key there is a line that
-- import rejects, so that it is not left out silently.

-- Quotes a word as in kvd_protocol(7), with everything but plain ASCII escaped.
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
