import type { LoadResult } from './load-plan.ts'

const RESULT_MARK = 'hotbucket-load '

/**
 * The Lua script that makes wrk walk through the requests and print exact counts: its own summary rounds
 * ("1.76GB", "12.34k") and hides errors of a kind that did not occur.
 */
export function wrkScript(requests: readonly string[]): string {
  const list = requests.map((request) => `  ${luaString(request)},`).join('\n')
  return `local requests = {
${list}
}
local count, last = #requests, 0

function request()
  last = last % count + 1
  return requests[last]
end

function done(summary, latency)
  local errors = summary.errors
  local kinds, failed = {}, 0
  for _, kind in ipairs({"connect", "read", "write", "status", "timeout"}) do
    failed = failed + errors[kind]
    if errors[kind] > 0 then kinds[#kinds + 1] = errors[kind] .. " " .. kind end
  end
  io.write(string.format('${RESULT_MARK}{"requests":%d,"seconds":%.6f,"bytes":%.0f,"errors":%d,"errorKinds":"%s","p50Us":%.1f,"p99Us":%.1f}\\n',
    summary.requests, summary.duration / 1e6, summary.bytes, failed, table.concat(kinds, ", "), latency:percentile(50), latency:percentile(99)))
end
`
}

/** Reads the line that `wrkScript` makes wrk print. Throws where it is not there. */
export function parseWrkOutput(stdout: string): LoadResult {
  const line = stdout.split('\n').find((each) => each.startsWith(RESULT_MARK))
  if (line === undefined) throw new Error(`Cannot read the output of wrk "${stdout.slice(0, 200)}": no line starts with "${RESULT_MARK}"`)
  return JSON.parse(line.slice(RESULT_MARK.length)) as LoadResult
}

/** A Lua string literal; every byte that is not plain is a decimal escape of three digits. */
function luaString(text: string): string {
  const escaped = Buffer.from(text, 'latin1').reduce((result, byte) => {
    const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c
    return result + (plain ? String.fromCodePoint(byte) : `\\${byte.toString().padStart(3, '0')}`)
  }, '')
  return `"${escaped}"`
}
