import { z } from 'zod'
import { PROFILE_SECONDS_MAX, type ProfileKind } from '../signals/profile.ts'
import { EXPOSITION_TYPE } from '../signals/registry.ts'
import type { AdminOptions } from './admin-options.ts'

/** What a route answers. */
export interface Answer {
  readonly status: 200 | 400 | 404 | 405 | 409 | 500 | 503
  readonly contentType: string
  readonly body: string | Uint8Array
  readonly headers?: Readonly<Record<string, string>>
}

type QueryShape = z.ZodObject<Readonly<Record<string, z.ZodType>>>

/** One thing that the admin listener can be asked. All are GET, and HEAD with it. */
export interface Route {
  readonly path: string
  readonly summary: string
  readonly contentType: string
  /** Asked by kubelets and load balancers, which hold no token. */
  readonly open: boolean
  readonly query: QueryShape
  /** Statuses besides 200 and those of every route, with what they mean. */
  readonly otherStatuses: Readonly<Record<number, string>>
  answer(query: Readonly<Record<string, unknown>>): Answer | Promise<Answer>
}

const JSON_TYPE = 'application/json; charset=utf-8'
const PROFILE_TYPE = 'application/octet-stream'

const NO_QUERY: QueryShape = z.object({})

/** Go's default for CPU profiles, which `go tool pprof` relies on. */
const CPU_SECONDS_DEFAULT = 30

/** `go tool pprof` asks for heap profiles without a length and waits a minute. */
const HEAP_SECONDS_DEFAULT = 10

/** The routes with content of their own; index page and OpenAPI document are made from this table. */
export function contentRoutes(options: AdminOptions): Route[] {
  const profiles = new ProfileDesk(options)
  return [
    {
      path: '/metrics',
      summary: 'Metrics in the Prometheus text format',
      contentType: EXPOSITION_TYPE,
      open: false,
      query: NO_QUERY,
      otherStatuses: {},
      answer: () => ({ status: 200, contentType: EXPOSITION_TYPE, body: options.renderMetrics() }),
    },
    {
      path: '/healthz/live',
      summary: 'Whether the process works; if not, restart it',
      contentType: JSON_TYPE,
      open: true,
      query: NO_QUERY,
      otherStatuses: { 503: 'It does not; the reasons say why' },
      answer: () => {
        const { live, reasons } = options.liveness?.() ?? { live: true, reasons: [] }
        return jsonAnswer(live ? 200 : 503, { live, reasons })
      },
    },
    {
      path: '/healthz/ready',
      summary: 'Whether requests should be sent here',
      contentType: JSON_TYPE,
      open: true,
      query: NO_QUERY,
      otherStatuses: { 503: 'They should not; the reasons say why' },
      answer: () => {
        const { ready, reasons, disk } = options.readiness()
        return jsonAnswer(ready ? 200 : 503, { ready, reasons, ...(disk === undefined ? {} : { disk }) })
      },
    },
    profiles.route('cpu', '/debug/pprof/profile', {
      summary: 'CPU profile of the threads that serve requests (pprof)',
      secondsDefault: CPU_SECONDS_DEFAULT,
    }),
    profiles.route('heap', '/debug/pprof/heap', {
      summary: 'Where these threads allocate memory, collected since or not (pprof)',
      secondsDefault: HEAP_SECONDS_DEFAULT,
    }),
  ]
}

/** Gives out profiles, one at a time. */
class ProfileDesk {
  readonly #options: AdminOptions
  #busy = false

  constructor(options: AdminOptions) {
    this.#options = options
  }

  route(kind: ProfileKind, path: string, about: { readonly summary: string; readonly secondsDefault: number }): Route {
    return {
      path,
      summary: about.summary,
      contentType: PROFILE_TYPE,
      open: false,
      query: z.object({ seconds: secondsSchema(about.secondsDefault), thread: threadSchema(this.#options.threads) }),
      otherStatuses: { 409: 'Another profile is being taken', 500: 'The profile failed' },
      answer: (query) => this.#take(kind, z.number().parse(query['seconds']), z.string().optional().parse(query['thread'])),
    }
  }

  async #take(kind: ProfileKind, seconds: number, thread: string | undefined): Promise<Answer> {
    if (this.#busy) return errorAnswer(409, 'Cannot take a profile: another one is being taken')
    this.#busy = true
    try {
      const body = await this.#options.profile(kind, seconds, thread)
      return {
        status: 200,
        contentType: PROFILE_TYPE,
        body,
        headers: { 'Content-Disposition': `attachment; filename="hotbucket-${kind}.pb.gz"` },
      }
    } catch (error) {
      return errorAnswer(500, `Cannot take a profile: ${error instanceof Error ? error.message : String(error)}`)
    } finally {
      this.#busy = false
    }
  }
}

function secondsSchema(secondsDefault: number): z.ZodType {
  const wanted = `wanted a whole number of seconds from 1 to ${PROFILE_SECONDS_MAX}`
  return z.coerce
    .number({ error: wanted })
    .int({ error: wanted })
    .min(1, { error: wanted })
    .max(PROFILE_SECONDS_MAX, { error: wanted })
    .default(secondsDefault)
    .describe('How long to profile, in seconds')
}

function threadSchema(threads: readonly string[]): z.ZodType {
  return z
    .enum(threads, { error: `wanted one of ${threads.join(', ')}` })
    .optional()
    .describe('Which thread; all without it, told apart by the label "thread"')
}

export function jsonAnswer(status: Answer['status'], value: unknown): Answer {
  return { status, contentType: JSON_TYPE, body: `${JSON.stringify(value)}\n` }
}

export function errorAnswer(status: Answer['status'], message: string): Answer {
  return jsonAnswer(status, { error: message })
}
