-- Trims what acknowledging left behind, and sets the counters right when nothing waits: ours, and the group's own, which
-- may be too high after a start from the append-only file.
-- Invariants: nothing pending, undelivered or last-delivered is trimmed; counters are set equal only when the group's
-- lag and its pending list are both exactly 0 (in one script, so no frame comes in between).
-- KEYS: frames, counters. ARGV: group. Answers {entries trimmed, 1 when the counters were set equal}.
local frames, counters, group = KEYS[1], KEYS[2], ARGV[1]
if redis.call('EXISTS', frames) == 0 then
  return { 0, 0 }
end
for _, info in ipairs(redis.call('XINFO', 'GROUPS', frames)) do
  local fields = {}
  for i = 1, #info, 2 do
    fields[info[i]] = info[i + 1]
  end
  if fields['name'] == group then
    local keep = fields['last-delivered-id']
    local oldest = redis.call('XPENDING', frames, group)[2]
    if oldest then
      keep = oldest
    end
    local trimmed = redis.call('XTRIM', frames, 'MINID', keep)
    local equal = 0
    local stream = {}
    local facts = redis.call('XINFO', 'STREAM', frames)
    for i = 1, #facts, 2 do
      stream[facts[i]] = facts[i + 1]
    end
    local added = stream['entries-added']
    if added and fields['last-delivered-id'] == stream['last-generated-id'] and fields['lag'] ~= 0 then
      redis.call('XGROUP', 'SETID', frames, group, fields['last-delivered-id'], 'ENTRIESREAD', added)
      fields['lag'] = 0
    end
    if fields['lag'] == 0 and fields['pending'] == 0 then
      for _, name in ipairs({ 'events', 'bytes', 'frames' }) do
        local entered = redis.call('HGET', counters, name .. '_in')
        local left = redis.call('HGET', counters, name .. '_out')
        if entered and entered ~= left then
          redis.call('HSET', counters, name .. '_out', entered)
          equal = 1
        end
      end
    end
    return { trimmed, equal }
  end
end
return { 0, 0 }
