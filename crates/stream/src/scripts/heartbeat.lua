-- Keeps a worker's frames its own: resets their idle time.
-- Invariant: only frames that are still pending under this very consumer; a worker that was stalled and has lost its
-- frames to others steals nothing back. JUSTID: the delivery count does not rise.
-- KEYS: frames. ARGV: group, consumer, then entry ids in hand. Answers the ids that are still its own.
local frames, group, consumer = KEYS[1], ARGV[1], ARGV[2]
local own = {}
for i = 3, #ARGV do
  local pending = redis.call('XPENDING', frames, group, ARGV[i], ARGV[i], 1, consumer)
  if #pending == 1 then
    redis.call('XCLAIM', frames, group, consumer, 0, ARGV[i], 'JUSTID')
    own[#own + 1] = ARGV[i]
  end
end
return own
