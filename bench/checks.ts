/**
 * `npm run bench:checks`: what it costs to read a request as S3 does and to decide whose it is and what it may, step by step, without
 * sockets and cache. Steps take turns within a round; the strings are made anew for every request, as the parser makes them.
 */
import { parseArgs } from 'node:util'
import { systemClock } from '../src/base/clock.ts'
import { identify, type Authenticator } from '../src/gateway/authenticate.ts'
import { authorize } from '../src/gateway/authorize.ts'
import { Clients } from '../src/gateway/clients.ts'
import { Routes } from '../src/gateway/routes.ts'
import { factsOf } from '../src/gateway/field-facts.ts'
import { parseS3Request, type S3Request } from '../src/gateway/s3-request.ts'
import type { RequestHead } from '../src/http/exchange.ts'
import type { Origin } from '../src/origin/origin.ts'
import { presign, signRequest } from '../src/s3/sigv4/sign.ts'
import { SignatureVerifier } from '../src/s3/sigv4/signature-verifier.ts'
import { EMPTY_SHA256, UNSIGNED_PAYLOAD } from '../src/s3/sigv4/canonical.ts'
import { quantile } from './harness/statistics.ts'

const USAGE = `npm run bench:checks -- [options]
  --rounds N     rounds, each with every step (default 30)
  --requests N   requests per step and round (default 20000)`

const HOST = '127.0.0.1:9000'
const REGION = 'us-east-1'
const CREDENTIALS = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' }
const OBJECTS = 256
const PATH_BYTES = 110
const WARM_UP_REQUESTS = 100_000
/** Which of the rounds counts, from the fastest: others on the machine only ever make a round slower. */
const QUIET_SHARE = 0.1

/** Names as the parser gives them: one string each for all requests. */
const NAMES = new Map<string, string>()

/** A request head as bytes, so that its strings can be made again and again. */
interface WireHead {
  readonly bytes: Buffer
  /** Start and end of the target, then of each value. */
  readonly cuts: readonly number[]
  readonly names: readonly string[]
}

function wireHead(target: string, headers: readonly string[]): WireHead {
  const texts = [target, ...headers.filter((_, i) => i % 2 === 1)]
  const names = headers.filter((_, i) => i % 2 === 0)
  for (const name of names) if (!NAMES.has(name)) NAMES.set(name, name)
  let at = 0
  const cuts = texts.flatMap((text) => [at, (at += text.length)])
  return { bytes: Buffer.from(texts.join(''), 'latin1'), cuts, names: names.map((name) => NAMES.get(name) ?? name) }
}

function parsed(wire: WireHead, checks: Checks): S3Request {
  const head = headOf(wire)
  return parseS3Request(head, factsOf(head), checks.options.domains)
}

function headOf(wire: WireHead): RequestHead {
  const { bytes, cuts, names } = wire
  const headers: string[] = []
  for (let i = 0; i < names.length; i++) headers.push(names[i]!, bytes.toString('latin1', cuts[2 * i + 2], cuts[2 * i + 3]))
  return { method: 'GET', target: bytes.toString('latin1', cuts[0], cuts[1]), minorVersion: 1, headers, host: HOST }
}

type Shape =
  | 'unsigned'
  | 'signed, no query'
  | 'signed, empty-body hash'
  | 'signed, x-id'
  | 'signed, two clients'
  | 'signed, %20'
  | 'presigned'

const SHAPES: readonly Shape[] = [
  'unsigned',
  'signed, no query',
  'signed, empty-body hash',
  'signed, x-id',
  'signed, two clients',
  'signed, %20',
  'presigned',
]

function requestOf(shape: Shape, index: number, nowMs: number): WireHead {
  const space = shape === 'signed, %20' ? '%20' : ''
  const rawPath = `/bench-bucket/${space}dataset/part-${String(index).padStart(6, '0')}`.padEnd(PATH_BYTES, 'x')
  const rawQuery = shape === 'signed, x-id' ? 'x-id=GetObject' : ''
  const timeMs = shape === 'signed, two clients' && index % 2 === 1 ? nowMs - 5000 : nowMs
  const signing = { method: 'GET', rawPath, rawQuery, nowMs: timeMs, credentials: CREDENTIALS, region: REGION }
  const sent = ['host', HOST, 'user-agent', 'bench/1.0', 'accept', '*/*']
  if (shape === 'unsigned') return wireHead(rawPath, sent)
  if (shape === 'presigned') return wireHead(`${rawPath}?${presign({ ...signing, host: HOST, expiresSeconds: 3600 })}`, sent)
  const payloadHash = shape === 'signed, empty-body hash' ? EMPTY_SHA256 : UNSIGNED_PAYLOAD
  const added = signRequest({ ...signing, headers: ['host', HOST], payloadHash })
  return wireHead(rawQuery === '' ? rawPath : `${rawPath}?${rawQuery}`, [...sent, ...added])
}

/** What the steps ask. */
interface Checks extends Authenticator {
  readonly routes: Routes
}

function benchChecks(nowMs: number): Checks {
  const origin: Origin = { name: 'origin', send: async () => Promise.reject(new Error('never asked')), close: async () => undefined }
  const grants = [{ bucket: '*', prefix: '', actions: ['read', 'list', 'write', 'delete'] as const }]
  const clients = new Clients([{ ...CREDENTIALS, sessionToken: undefined, grants }])
  return {
    clients,
    verifier: new SignatureVerifier({ lookup: (accessKeyId) => clients.find(accessKeyId), skewMs: 900_000 }),
    clock: { nowMs: () => nowMs, monotonicMs: () => 0 },
    options: { anonymous: true, identity: 'verified', domains: [] },
    routes: new Routes({ origins: [{ buckets: ['*'], origin }], rules: [], mode: { kind: 'immutable' } }),
  }
}

/** Gives what a step made, so that no step can be optimised away. */
type Step = (wire: WireHead, checks: Checks) => unknown

/** Each step does what the one before it does, and one thing more: the difference is its cost. */
const STEPS: readonly { readonly name: string; readonly run: Step }[] = [
  { name: 'strings', run: headOf },
  { name: 'parse', run: (wire, checks) => parsed(wire, checks) },
  {
    name: 'authenticate',
    run: (wire, checks) => {
      const request = parsed(wire, checks)
      return identify(request, checks)
    },
  },
  {
    name: 'authorize, route',
    run: (wire, checks) => {
      const request = parsed(wire, checks)
      const { caller } = identify(request, checks)
      authorize(caller, request)
      const bucket = request.bucket ?? ''
      return [checks.routes.originOf(bucket), checks.routes.modeOf(bucket, request.key ?? '')]
    },
  },
]

function main(argv: readonly string[]): void {
  const text = { type: 'string' } as const
  const { values } = parseArgs({ args: [...argv], options: { rounds: text, requests: text, help: { type: 'boolean' } } })
  if (values.help === true) {
    process.stdout.write(`${USAGE}\n`)
    return
  }
  const rounds = Number(values.rounds ?? 30)
  const requests = Number(values.requests ?? 20_000)
  const nowMs = Math.floor(systemClock.nowMs() / 1000) * 1000
  const checks = benchChecks(nowMs)
  const loads = SHAPES.map((shape) => ({ shape, wires: Array.from({ length: OBJECTS }, (_, index) => requestOf(shape, index, nowMs)) }))
  for (const { wires } of loads) for (const { run } of STEPS) time(run, wires, checks, WARM_UP_REQUESTS)
  const figures = loads.map(() => STEPS.map((): number[] => []))
  for (let round = 0; round < rounds; round++) {
    for (const [load, { wires }] of loads.entries()) {
      for (const [step, { run }] of STEPS.entries()) figures[load]![step]!.push(time(run, wires, checks, requests))
    }
  }
  report(
    loads.map(({ shape }) => shape),
    figures,
  )
}

let made: unknown

/** Microseconds per request. */
function time(run: Step, wires: readonly WireHead[], checks: Checks, requests: number): number {
  const start = process.hrtime.bigint()
  for (let i = 0; i < requests; i++) made = run(wires[i % wires.length]!, checks)
  return Number(process.hrtime.bigint() - start) / 1000 / requests
}

function report(shapes: readonly Shape[], figures: readonly (readonly (readonly number[])[])[]): void {
  const line = (cells: readonly string[]): void => {
    process.stdout.write(`${cells.map((cell, i) => (i === 0 ? cell.padEnd(26) : cell.padStart(18))).join('')}\n`)
  }
  line(['µs per request', ...STEPS.map(({ name }) => name)])
  for (const [load, shape] of shapes.entries()) {
    const times = figures[load]!.map((rounds) => quantile(rounds, QUIET_SHARE) ?? Number.NaN)
    line([shape, ...times.map((value, step) => (value - (times[step - 1] ?? 0)).toFixed(2))])
  }
  if (made === undefined) throw new Error('nothing was measured')
}

main(process.argv.slice(2))
