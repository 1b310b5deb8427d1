-- Adds deltas to the counters of one shard, if the senders' records are as the caller believes
-- them to be; else it changes nothing and says how they are.
--
-- All sums are checked before the first write, because Redis does not take back what a script
-- has written. Lua counts exactly up to 2^53, so a counter is added in two limbs, of 16 and 48
-- bits. What the keys hold is described in docs/storage-format.md.
--
-- KEYS  the hashes of what instances have delivered here and of what they have said, the hash of
--       hours, a key for each direct write, the sources of each hour, the flows of each source
-- ARGV  number of fields in the first hash, in the second, of direct writes, of hours, of sources;
--       "check" or "apply"; the channel for followers
--       for each field: its name, the record as believed, the record from now on
--       for each direct write: its record as believed, from now on, seconds to keep it or "keep"
--       for each hour: the hour, number of its sources
--       for each source: its name, number of flows, and of each flow the destination and the delta

local LIMB = 281474976710656
local TOP = 32768
local NOTHING = string.rep('\0', 16)

local counts = { tonumber(ARGV[1]), tonumber(ARGV[2]) }
local n_writes, n_hours, n_sources = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local is_check, channel = ARGV[6] == 'check', ARGV[7]
local hours_key, writes_from = KEYS[3], 3
local sources_from = writes_from + n_writes
local flows_from = sources_from + n_hours
local at = 8

-- Whether the senders' records are as believed.
local stale, records = {}, { {}, {} }
local nth_record = 0
for t = 1, 2 do
  local count = counts[t]
  if count > 0 then
    local ids = {}
    for n = 1, count do ids[n] = ARGV[at + 3 * n - 3] end
    local known = redis.call('HMGET', KEYS[t], unpack(ids))
    for n = 1, count do
      local record = known[n] or ''
      if record ~= ARGV[at + 3 * n - 2] then
        stale[#stale + 1] = nth_record + n
        stale[#stale + 1] = record
      end
      records[t][2 * n - 1] = ids[n]
      records[t][2 * n] = ARGV[at + 3 * n - 1]
    end
    nth_record = nth_record + count
    at = at + 3 * count
  end
end
local writes_at = at
for n = 1, n_writes do
  local record = redis.call('GET', KEYS[writes_from + n]) or ''
  if record ~= ARGV[at] then
    stale[#stale + 1] = nth_record + n
    stale[#stale + 1] = record
  end
  at = at + 3
end
if #stale > 0 then return { 'stale', stale } end

local function larger(a_high, a_low, b_high, b_low)
  if a_high > b_high or (a_high == b_high and a_low > b_low) then return a_high, a_low end
  return b_high, b_low
end

-- Adds the difference of two counters to a sum of two limbs of 48 bits.
local function grow(high, low, new_high, new_low, old_high, old_low)
  -- The counters' upper limbs have 16 bits, so this stays far below 2^53.
  low = low + (new_low - old_low)
  local carry = new_high - old_high
  while low >= LIMB do low = low - LIMB; carry = carry + 1 end
  while low < 0 do low = low + LIMB; carry = carry - 1 end
  return high + carry, low
end

local flow_at = at + 2 * n_hours
local source = 0
local over, cells, members, totals = {}, {}, {}, {}
local nth = 0
for h = 1, n_hours do
  local hour, count = ARGV[at + 2 * h - 2], tonumber(ARGV[at + 2 * h - 1])
  local total = redis.call('HGET', hours_key, hour)
  local flows, tx_high, tx_low, rx_high, rx_low = 0, 0, 0, 0, 0
  if total then flows, tx_high, tx_low, rx_high, rx_low = struct.unpack('>I6I6I6I6I6', total) end
  local names = {}
  for s = 1, count do
    source = source + 1
    local n_flows = tonumber(ARGV[flow_at + 1])
    names[s] = ARGV[flow_at]
    flow_at = flow_at + 2
    local dests = {}
    for n = 1, n_flows do dests[n] = ARGV[flow_at + 2 * n - 2] end
    local known = redis.call('HMGET', KEYS[flows_from + source], unpack(dests))
    local written = {}
    for n = 1, n_flows do
      nth = nth + 1
      local delta, cell = ARGV[flow_at + 2 * n - 1], known[n]
      local dth, dtl, drh, drl = struct.unpack('>I2I6I2I6', delta)
      local th, tl, rh, rl = 0, 0, 0, 0
      if cell then
        th, tl, rh, rl = struct.unpack('>I2I6I2I6', cell)
      else
        flows = flows + 1
      end
      local sth, stl, srh, srl = th + dth, tl + dtl, rh + drh, rl + drl
      if stl >= LIMB then stl = stl - LIMB; sth = sth + 1 end
      if srl >= LIMB then srl = srl - LIMB; srh = srh + 1 end
      local is_over = sth >= TOP or srh >= TOP
      local new
      if #delta == 16 and (not cell or #cell == 16) then
        if not is_over then
          new = cell and struct.pack('>I2I6I2I6', sth, stl, srh, srl) or delta
        end
        -- What the sums grow by is the delta.
        tx_high, tx_low = tx_high + dth, tx_low + dtl
        if tx_low >= LIMB then tx_high, tx_low = tx_high + 1, tx_low - LIMB end
        rx_high, rx_low = rx_high + drh, rx_low + drl
        if rx_low >= LIMB then rx_high, rx_low = rx_high + 1, rx_low - LIMB end
      else
        -- The destination's side follows the source's; the total counts the larger of the two.
        local eth, etl, erh, erl = 0, 0, 0, 0
        if cell and #cell == 32 then eth, etl, erh, erl = struct.unpack('>I2I6I2I6', cell, 17) end
        local deth, detl, derh, derl = 0, 0, 0, 0
        if #delta == 32 then deth, detl, derh, derl = struct.unpack('>I2I6I2I6', delta, 17) end
        local seth, setl, serh, serl = eth + deth, etl + detl, erh + derh, erl + derl
        if setl >= LIMB then setl = setl - LIMB; seth = seth + 1 end
        if serl >= LIMB then serl = serl - LIMB; serh = serh + 1 end
        is_over = is_over or seth >= TOP or serh >= TOP
        if not is_over then
          new = struct.pack('>I2I6I2I6I2I6I2I6', sth, stl, srh, srl, seth, setl, serh, serl)
        end
        local old_high, old_low = larger(th, tl, eth, etl)
        local new_high, new_low = larger(sth, stl, seth, setl)
        tx_high, tx_low = grow(tx_high, tx_low, new_high, new_low, old_high, old_low)
        old_high, old_low = larger(rh, rl, erh, erl)
        new_high, new_low = larger(srh, srl, serh, serl)
        rx_high, rx_low = grow(rx_high, rx_low, new_high, new_low, old_high, old_low)
      end
      if is_over then
        over[#over + 1] = nth
        over[#over + 1] = cell or ''
      else
        written[2 * n - 1] = dests[n]
        written[2 * n] = new
      end
    end
    cells[source] = written
    flow_at = flow_at + 2 * n_flows
  end
  members[h] = names
  totals[2 * h - 1] = hour
  if #over == 0 then
    totals[2 * h] = struct.pack('>I6I6I6I6I6', flows, tx_high, tx_low, rx_high, rx_low)
  end
end
if #over > 0 then return { 'over', over } end
if is_check then return { 'fits' } end

for n = 1, n_sources do
  redis.call('HSET', KEYS[flows_from + n], unpack(cells[n]))
end
for h = 1, n_hours do
  redis.call('SADD', KEYS[sources_from + h], unpack(members[h]))
end
if n_hours > 0 then redis.call('HSET', hours_key, unpack(totals)) end
for t = 1, 2 do
  if counts[t] > 0 then redis.call('HSET', KEYS[t], unpack(records[t])) end
end
for n = 1, n_writes do
  local a = writes_at + 3 * n - 3
  if ARGV[a + 2] == 'keep' then
    redis.call('SET', KEYS[writes_from + n], ARGV[a + 1], 'KEEPTTL')
  else
    redis.call('SET', KEYS[writes_from + n], ARGV[a + 1], 'EX', ARGV[a + 2])
  end
end

-- Followers are told which flows to look at. Nobody follows most of the time.
if n_sources > 0 and redis.call('PUBSUB', 'SHARDNUMSUB', channel)[2] > 0 then
  local told = {}
  flow_at, source = at + 2 * n_hours, 0
  for h = 1, n_hours do
    for _ = 1, tonumber(ARGV[at + 2 * h - 1]) do
      local name, n_flows = ARGV[flow_at], tonumber(ARGV[flow_at + 1])
      told[#told + 1] = struct.pack('>I4I2I2', tonumber(ARGV[at + 2 * h - 2]), #name, n_flows)
      told[#told + 1] = name
      flow_at = flow_at + 2
      for n = 1, n_flows do
        local dest, delta = ARGV[flow_at + 2 * n - 2], ARGV[flow_at + 2 * n - 1]
        local sides = 1
        if #delta == 32 then sides = string.sub(delta, 1, 16) == NOTHING and 2 or 3 end
        told[#told + 1] = struct.pack('>I1I2', sides, #dest)
        told[#told + 1] = dest
      end
      flow_at = flow_at + 2 * n_flows
    end
  end
  redis.call('SPUBLISH', channel, table.concat(told))
end
return { 'applied' }
