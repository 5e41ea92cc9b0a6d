-- Makes one fixed request of the arguments, and writes the summary as one line of JSON.
-- Deliberately not: `request` or `response`, which would cost the generator a call each time.

function init(arguments)
   local body_bytes = tonumber(arguments[1])
   if body_bytes > 0 then
      wrk.method = "POST"
      wrk.body = string.rep("0123456789abcdef", body_bytes / 16)
   end
end

function done(summary, latency, requests)
   local errors = summary.errors
   io.write(string.format(
      '{"requests": %d, "duration_us": %d, "bytes": %d, "connect": %d, "read": %d, "write": %d, '
      .. '"timeout": %d, "status": %d, "p50_us": %d, "p90_us": %d, "p99_us": %d, "p999_us": %d, '
      .. '"max_us": %d}\n',
      summary.requests, summary.duration, summary.bytes, errors.connect, errors.read, errors.write,
      errors.timeout, errors.status, latency:percentile(50), latency:percentile(90),
      latency:percentile(99), latency:percentile(99.9), latency.max))
end
