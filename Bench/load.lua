-- The load that bench.py has wrk make. wrk -s load.lua URL -- PLAN CONVERSATIONS POSTS START
--   PLAN           a file: the Authorization header, the body of a POST with # for its serial number, then the paths to GET
--   CONVERSATIONS  a file of conversation ids, one a line, for the POSTs
--   POSTS          how many of five requests are POSTs
--   START          the first serial number, so that no address comes twice in the life of a database
-- What can be put together beforehand is: wrk runs on the cores of the server that it measures.

local serials = 500000000000
local threads = {}
local gets, bodies, ids = {}, {}, {}
local head, rest = "POST /v2/Conversations/", ""
local posts, turn, get = 0, 0, 0
number = 0

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  local plan = {}
  for line in io.lines(args[1]) do table.insert(plan, line) end
  for index = 3, #plan do
    gets[index - 2] = wrk.format("GET", plan[index], { Authorization = plan[1] })
  end

  posts, number = tonumber(args[3]), tonumber(args[4])
  if posts == 0 then return end
  for part in (plan[2] .. "#"):gmatch("([^#]*)#") do table.insert(bodies, part) end
  local length = 12 * (#bodies - 1)
  for _, part in ipairs(bodies) do length = length + #part end
  -- By hand: wrk.format takes the length away when it is given no body.
  rest = string.format(
    "/Participants HTTP/1.1\r\nHost: %s:%s\r\nAuthorization: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
    wrk.host, wrk.port, plan[1], length)
  for id in io.lines(args[2]) do table.insert(ids, id) end
end

-- Ten participants to each of 64 conversations, then the next 64: SQLiteYardstick.swift places its rows in the same way.
local function post()
  local place = math.floor(number / 640) * 64 + number % 64 + 1
  local id = ids[place]
  if not id then error("too few conversations for these rounds") end
  local body = table.concat(bodies, string.format("%012d", serials + number))
  number = number + 1
  return head .. id .. rest .. body
end

function request()
  turn = turn + 1
  if turn % 5 < posts then return post() end
  get = get % #gets + 1
  return gets[get]
end

function done(summary, latency, requests)
  local failed = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "microseconds": %d, "next": %d, "refused": %d, "broken": %d, "late": %d}\n', summary.requests,
    summary.duration, threads[1]:get("number"), failed.status, failed.connect + failed.read + failed.write, failed.timeout))
end
