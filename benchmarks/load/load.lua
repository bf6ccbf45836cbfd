-- What wrk sends and what it keeps: fresh time-ordered identifiers in every request, the callers in turn, and for
-- writes the body of every 2xx, one a line, so that each acknowledged command can be looked for afterwards.
--
-- Its argument is a Lua file that returns the plan:
--   asks    a list of requests, each a list of literals, "\1" (a fresh key) and "\2" (a note)
--   notes   a list of {index of the ask, identifier}; when empty, each request makes a note of its own
--   keep    where the bodies of 2xx go; absent: answers are counted by wrk alone, which is cheaper

local ffi = require("ffi")
ffi.cdef [[
   typedef struct { long seconds; long micros; } wall_time;
   int gettimeofday(wall_time *now, void *zone);
]]

local ALPHABET = "0123456789" .. "ABCDEFGHJKMNPQRSTVWXYZ"
local KEY, NOTE = "\1", "\2"

-- Global, because wrk reads it out of a thread by its name.
statuses = {}

local now = ffi.new("wall_time[1]")
local pairs_of = {}
local last, prefix = -1, ""
local asks, notes, kept
local turn = 0

local function ulid()
   ffi.C.gettimeofday(now, nil)
   local millis = tonumber(now[0].seconds) * 1000 + math.floor(tonumber(now[0].micros) / 1000)
   if millis ~= last then
      last, prefix = millis, ""
      for _ = 1, 10 do
         local digit = millis % 32
         prefix = ALPHABET:sub(digit + 1, digit + 1) .. prefix
         millis = (millis - digit) / 32
      end
   end
   local random = math.random
   return prefix .. pairs_of[random(1024)] .. pairs_of[random(1024)] .. pairs_of[random(1024)] .. pairs_of[random(1024)]
      .. pairs_of[random(1024)] .. pairs_of[random(1024)] .. pairs_of[random(1024)] .. pairs_of[random(1024)]
end

local function keep_answer(status, _, body)
   statuses[tostring(status)] = (statuses[tostring(status)] or 0) + 1
   if status >= 200 and status < 300 then kept:write(body, "\n") end
end

function init(arguments)
   local plan = dofile(arguments[1])
   asks, notes = plan.asks, plan.notes
   local source = io.open("/dev/urandom", "rb")
   local a, b, c, d = source:read(4):byte(1, 4)
   source:close()
   math.randomseed(((a * 256 + b) * 256 + c) * 256 + d)
   for first = 1, 32 do
      for second = 1, 32 do
         pairs_of[#pairs_of + 1] = ALPHABET:sub(first, first) .. ALPHABET:sub(second, second)
      end
   end
   if plan.keep then
      kept = io.open(plan.keep, "wb")
      kept:setvbuf("full", 65536)
      response = keep_answer -- wrk looks for this name after init, and parses no answer without it
   end
end

function request()
   local key, note, ask = ulid(), nil, nil
   turn = turn + 1
   if #notes > 0 then
      local known = notes[(turn - 1) % #notes + 1]
      ask, note = asks[known[1]], known[2]
   else
      ask, note = asks[(turn - 1) % #asks + 1], ulid()
   end
   local parts = {}
   for place = 1, #ask do
      local part = ask[place]
      if part == KEY then part = key elseif part == NOTE then part = note end
      parts[place] = part
   end
   return table.concat(parts)
end

local threads = {}

function setup(thread)
   threads[#threads + 1] = thread
end

function done(summary, latency)
   local seen = {}
   for status, count in pairs(threads[1]:get("statuses")) do
      seen[#seen + 1] = string.format('"%s":%d', status, count)
   end
   print(string.format(
      'RESULT {"requests":%d,"micros":%d,"statuses":{%s},"refused":%d,"connect":%d,"read":%d,"write":%d,"late":%d,'
         .. '"p50":%d,"p99":%d}',
      summary.requests, summary.duration, table.concat(seen, ","), summary.errors.status, summary.errors.connect,
      summary.errors.read, summary.errors.write, summary.errors.timeout, latency:percentile(50), latency:percentile(99)))
end
