import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fuzzSignatures, someBytes } from '../../../test/fuzz/signature-fuzz.ts'

test("SignatureVerifier refuses a request with any byte changed, put in or taken out, with S3's own code", (context) => {
  const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 1_000_000_007)
  context.diagnostic(`seed ${seed}`)
  const { cases, verdicts } = fuzzSignatures(someBytes(seed, 1))
  assert.ok(cases > 5000, `${cases} cases`)
  const codes = ['SignatureDoesNotMatch', 'AccessDenied', 'InvalidAccessKeyId', 'AuthorizationHeaderMalformed'] as const
  for (const code of [...codes, 'AuthorizationQueryParametersError', 'InvalidURI', 'accepted', 'anonymous'] as const) {
    assert.ok((verdicts.get(code) ?? 0) > 0, `${code} never came`)
  }
})
