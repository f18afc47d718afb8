# The gateway's lines, each with its time, out of what `wrangler tail --format json` prints and what Logpush delivers.
(.logs // .Logs // [])[]
| (.timestamp // .TimestampMs) as $milliseconds
| (.message // .Message)[]
| strings
| fromjson? // empty
| objects
| select(has("code") or has("warning"))
| { time: ($milliseconds / 1000 | floor | todate) } + .
