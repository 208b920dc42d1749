-- A signed delivery again and again, each under a GUID of its own. BODY and SIGNATURE name files, RUN begins the GUIDs.
local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local body = read(os.getenv("BODY"))
local signature = read(os.getenv("SIGNATURE")):gsub("%s+$", "")
local run = os.getenv("RUN")
local headers = {
  ["content-type"] = "application/json",
  ["user-agent"] = "GitHub-Hookshot/bench",
  ["x-github-event"] = "issues",
  ["x-hub-signature-256"] = signature,
}
local count = 0

function request()
  count = count + 1
  headers["x-github-delivery"] = string.format("%s-%012d", run, count)
  return wrk.format("POST", "/webhook", headers, body)
end

-- One line that a script can read: accepted and refused requests, seconds, and latencies in microseconds.
function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("RESULT %d %d %.3f %d %d\n", summary.requests, failed, summary.duration / 1e6,
    latency:percentile(50), latency:percentile(99)))
end
