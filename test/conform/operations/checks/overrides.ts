import type { Check, CheckGroup } from '../trial.ts'

const OVERRIDES: Readonly<Record<string, string>> = {
  'response-cache-control': 'no-cache',
  'response-content-disposition': 'attachment; filename="ä b.txt"',
  'response-content-encoding': 'gzip',
  'response-content-language': 'fr',
  'response-content-type': 'text/foo; charset=x',
  'response-expires': 'Thu, 01 Dec 2027 16:00:00 GMT',
}

function overridden(
  query: Readonly<Record<string, string>>,
  request: { method?: string; headers?: Record<string, string>; sign?: 'header' | 'query' | 'none' },
): Check {
  return async (t) => {
    await t.s3.putObject({ ...t.at(), Body: 'body', ContentType: 'text/own', CacheControl: 'max-age=1', ACL: 'public-read' })
    await t.s3.getObject(t.at())
    await t.reads(async () => t.send({ method: 'GET', path: t.path(), query, ...request }))
    await t.may(t.s3.getObject(t.at()))
  }
}

const checks: Record<string, Check> = {}
for (const [name, value] of Object.entries(OVERRIDES)) {
  checks[`${name} on GET`] = overridden({ [name]: value }, {})
  checks[`${name} on HEAD`] = overridden({ [name]: value }, { method: 'HEAD' })
  checks[`${name} empty`] = overridden({ [name]: '' }, {})
  checks[`${name} presigned`] = overridden({ [name]: value }, { sign: 'query' })
  checks[`${name} anonymous`] = overridden({ [name]: value }, { sign: 'none' })
}

export const overrideChecks: CheckGroup = {
  name: 'response overrides',
  checks: {
    ...checks,
    'all of them': overridden(OVERRIDES, {}),
    'with a range': overridden(OVERRIDES, { headers: { range: 'bytes=1-2' } }),
    'with a condition': overridden(OVERRIDES, { headers: { 'if-none-match': '"841a2d689ad86bd1611447453c22c6fc"' } }),
    'a line break in a value': overridden({ 'response-content-type': 'a\r\nx-evil: 1' }, {}),
    'an unknown one': overridden({ 'response-x-foo': 'bar' }, {}),
    'of a missing key': async (t) => t.may(t.send({ method: 'GET', path: t.path(), query: OVERRIDES })),
  },
}
