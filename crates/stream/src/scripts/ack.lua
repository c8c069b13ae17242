-- Acknowledges frames: each is counted out exactly once, and its memory is free at once.
-- Invariants: only an XACK that answers 1 counts (after a claim, two workers may acknowledge the same frame);
-- the group's last-delivered entry is never deleted (its deletion makes the group's lag null until the next read);
-- XACK comes first, so that the script may go on when Redis is full.
-- KEYS: frames, counters. ARGV: group, then for each frame: entry id, events, bytes. Answers how many were acknowledged.
local frames, counters, group = KEYS[1], KEYS[2], ARGV[1]
local acked, events, bytes, done = 0, 0, 0, {}
for i = 2, #ARGV, 3 do
  if redis.call('XACK', frames, group, ARGV[i]) == 1 then
    acked = acked + 1
    events = events + tonumber(ARGV[i + 1])
    bytes = bytes + tonumber(ARGV[i + 2])
    done[#done + 1] = ARGV[i]
  end
end
if acked == 0 then
  return 0
end
redis.call('HINCRBY', counters, 'events_out', events)
redis.call('HINCRBY', counters, 'bytes_out', bytes)
redis.call('HINCRBY', counters, 'frames_out', acked)
local last = ''
for _, info in ipairs(redis.call('XINFO', 'GROUPS', frames)) do
  local fields = {}
  for i = 1, #info, 2 do
    fields[info[i]] = info[i + 1]
  end
  if fields['name'] == group then
    last = fields['last-delivered-id']
  end
end
for _, id in ipairs(done) do
  if id ~= last then
    redis.call('XDEL', frames, id)
  end
end
return acked
