import { Hono, type Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { z } from 'zod'
import { createAdmission, type Admission } from './admission.ts'
import type { AdminOptions } from './admin-options.ts'
import { renderIndexPage } from './index-page.ts'
import { renderOpenApi } from './open-api.ts'
import { contentRoutes, errorAnswer, jsonAnswer, type Answer, type Route } from './routes.ts'

/** The admin listener's routes as an application, without a socket. */
export function createAdminApp(options: AdminOptions): Hono {
  const app = new Hono()
  const admit = createAdmission(options.token)
  const routes = allRoutes(options)
  for (const route of routes) {
    app.get(route.path, async (context) => respond(context, await answerTo(context, route, admit)))
    app.all(route.path, (context) => {
      const answer = errorAnswer(405, `Cannot ${context.req.method} "${route.path}": wanted GET`)
      return respond(context, { ...answer, headers: { Allow: 'GET, HEAD' } })
    })
  }
  app.notFound((context) => respond(context, errorAnswer(404, `Cannot find "${context.req.path}": "/" lists what is here`)))
  app.onError((error, context) => respond(context, errorAnswer(500, `Cannot answer "${context.req.path}": ${error.message}`)))
  return app
}

/** The table, and the two routes that tell about it. */
function allRoutes(options: AdminOptions): readonly Route[] {
  const facts = { version: options.version, token: options.token !== undefined }
  const about = { open: false, query: z.object({}), otherStatuses: {} }
  const routes: Route[] = [
    {
      ...about,
      path: '/',
      summary: 'This page',
      contentType: 'text/html; charset=utf-8',
      answer: () => ({ status: 200, contentType: 'text/html; charset=utf-8', body: renderIndexPage(routes, options.version) }),
    },
    ...contentRoutes(options),
    {
      ...about,
      path: '/openapi.json',
      summary: 'What is here, for programs (OpenAPI 3.1)',
      contentType: 'application/json; charset=utf-8',
      answer: () => jsonAnswer(200, renderOpenApi(routes, facts)),
    },
  ]
  return routes
}

async function answerTo(context: Context, route: Route, admit: Admission): Promise<Answer | Refused> {
  const rejection = route.open ? undefined : admit({ host: context.req.header('host'), authorization: context.req.header('authorization') })
  if (rejection !== undefined) return { ...errorAnswer(500, rejection.message), status: rejection.status }
  const query = route.query.safeParse(context.req.query())
  if (!query.success) {
    const issue = query.error.issues[0]
    const name = String(issue?.path[0] ?? 'query')
    return errorAnswer(400, `Cannot use ${name} "${context.req.query(name) ?? ''}": ${issue?.message ?? 'not what was wanted'}`)
  }
  return route.answer(query.data)
}

/** An answer with the status of a rejection. */
type Refused = Omit<Answer, 'status'> & { readonly status: 401 | 403 }

function respond(context: Context, answer: Answer | Refused): Response {
  const status: ContentfulStatusCode = answer.status
  const headers: Record<string, string> = {
    'Content-Type': answer.contentType,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
    ...answer.headers,
  }
  if (status === 401) headers['WWW-Authenticate'] = 'Bearer'
  const { body } = answer
  return context.body(typeof body === 'string' ? body : new Uint8Array(body), status, headers)
}
