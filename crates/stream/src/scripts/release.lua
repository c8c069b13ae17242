-- Deletes a consumer that owns nothing. Deleting one that owns frames would drop them from the pending list: lost.
-- With a consumer of '' it deletes every consumer that owns nothing and has been idle for longer than ARGV[3] ms.
-- KEYS: frames. ARGV: group, consumer, idle ms. Answers how many were deleted.
local frames, group, consumer, idle = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
local deleted = 0
for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', frames, group)) do
  local fields = {}
  for i = 1, #info, 2 do
    fields[info[i]] = info[i + 1]
  end
  local wanted = fields['name'] == consumer or (consumer == '' and fields['idle'] > idle)
  if wanted and fields['pending'] == 0 then
    redis.call('XGROUP', 'DELCONSUMER', frames, group, fields['name'])
    deleted = deleted + 1
  end
end
return deleted
