import { z } from 'zod'
import type { Route } from './routes.ts'

/** The admin listener as an OpenAPI 3.1 document, made from the table of routes. */
export function renderOpenApi(routes: readonly Route[], facts: { readonly version: string; readonly token: boolean }): unknown {
  const paths: Record<string, unknown> = {}
  for (const route of routes) paths[route.path] = { get: describeRoute(route, facts.token) }
  return {
    openapi: '3.1.0',
    info: { title: 'hotbucket admin', version: facts.version },
    paths,
    components: facts.token ? { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } } : {},
  }
}

function describeRoute(route: Route, token: boolean): unknown {
  const responses: Record<string, unknown> = { 200: { description: 'OK', content: { [route.contentType]: {} } } }
  for (const [status, description] of Object.entries(route.otherStatuses)) responses[status] = { description }
  const parameters = Object.entries(route.query.shape).map(([name, schema]) => describeParameter(name, schema))
  if (parameters.length > 0) responses[400] = { description: 'A parameter is not what it should be' }
  if (token && !route.open) responses[401] = { description: 'The token is missing or wrong' }
  return { summary: route.summary, parameters, responses, ...(token && !route.open ? { security: [{ token: [] }] } : {}) }
}

function describeParameter(name: string, schema: z.ZodType): unknown {
  const { $schema: _, description, ...rest } = z.toJSONSchema(schema, { io: 'input' })
  return { name, in: 'query', required: false, description, schema: rest }
}
