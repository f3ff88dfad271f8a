-- Signed pushes of 8 KB with distinct delivery ids, for wrk. The body is one file, its signature another:
-- the delivery id is not part of what is signed.
local path = os.getenv("BENCH_PATH")
local body = io.open(os.getenv("BENCH_BODY"), "rb"):read("*a")
local signature = io.open(os.getenv("BENCH_SIGNATURE"), "rb"):read("*l")
local salt = os.getenv("BENCH_SALT")
local head = "POST " .. path .. " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    .. "X-GitHub-Event: push\r\nX-Hub-Signature-256: " .. signature .. "\r\nContent-Length: " .. #body
    .. "\r\nX-GitHub-Delivery: " .. salt .. "-"
local tail = "\r\n\r\n" .. body
local threads = 0
local count = 0

function setup(thread)
    thread:set("number", threads)
    threads = threads + 1
end

function init() prefix = head .. number .. "-" end

function request()
    count = count + 1
    return prefix .. count .. tail
end

function done(summary, latency)
    local errors = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status
        + summary.errors.timeout
    io.write(string.format("RESULT\t%f\t%f\t%d\n", summary.requests / (summary.duration / 1e6),
        latency:percentile(99) / 1000, errors))
end
