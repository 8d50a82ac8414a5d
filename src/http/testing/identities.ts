import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'
import type { TlsFiles } from '../tls-identity.ts'

/** A self-signed certificate and its key, for tests alone. */
export interface TestIdentity {
  readonly commonName: string
  readonly certificate: string
  readonly key: string
}

export const IDENTITY_ONE: TestIdentity = {
  commonName: 'one.test',
  certificate: `-----BEGIN CERTIFICATE-----
MIIBmTCCAT+gAwIBAgIUcw0qa73VmTHxya7P56aNulE4DqEwCgYIKoZIzj0EAwIw
EzERMA8GA1UEAwwIb25lLnRlc3QwIBcNMjYxMTIxMTMwODE0WhgPMjEyNjEwMjgx
MzA4MTRaMBMxETAPBgNVBAMMCG9uZS50ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAEx0QXczvJBr/qO+PAQJ7rzZ7VkNJHSlVl306uJivBm64vJLPF2B+v+xAS
EgACggQvO7Xp7kAxHVvLFgPkAyZNiaNvMG0wHQYDVR0OBBYEFLPUXIx32iv5ySj+
ci0z+jqCn1WjMB8GA1UdIwQYMBaAFLPUXIx32iv5ySj+ci0z+jqCn1WjMA8GA1Ud
EwEB/wQFMAMBAf8wGgYDVR0RBBMwEYIJbG9jYWxob3N0hwR/AAABMAoGCCqGSM49
BAMCA0gAMEUCIC0YCnHdpuT1MJUzr1Pnextqz3putFxEkL19uehRcmXjAiEAg0jD
ihnFI+Tw3S6v9df7PdAEshNz8PgXB9TYY3bAbB0=
-----END CERTIFICATE-----
`,
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg95mLErc2MwnUtkQV
qkv6Dj/9dXD8l+OhwftyTQAyCbGhRANCAATHRBdzO8kGv+o748BAnuvNntWQ0kdK
VWXfTq4mK8Gbri8ks8XYH6/7EBISAAKCBC87tenuQDEdW8sWA+QDJk2J
-----END PRIVATE KEY-----
`,
}

export const IDENTITY_TWO: TestIdentity = {
  commonName: 'two.test',
  certificate: `-----BEGIN CERTIFICATE-----
MIIBmjCCAT+gAwIBAgIUBTH3WY0FZD8nPkWnB/Ym2fVRcDEwCgYIKoZIzj0EAwIw
EzERMA8GA1UEAwwIdHdvLnRlc3QwIBcNMjYxMTIxMTMwODE1WhgPMjEyNjEwMjgx
MzA4MTVaMBMxETAPBgNVBAMMCHR3by50ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAExDMkAmsksZTr1uHiPc4crK5XZOH1ZeGiFuKC8LkCu4bVYX8BZehaieeD
WDftoUyaH+mHfBfBJtkCIhrSKSMit6NvMG0wHQYDVR0OBBYEFFr2NK5bkSQvZeJt
l/8nqocUo9XzMB8GA1UdIwQYMBaAFFr2NK5bkSQvZeJtl/8nqocUo9XzMA8GA1Ud
EwEB/wQFMAMBAf8wGgYDVR0RBBMwEYIJbG9jYWxob3N0hwR/AAABMAoGCCqGSM49
BAMCA0kAMEYCIQCTomm3YqGccB4hEH8uwGQIHHuYF1uvO7Ljl7IRczRsTgIhAKZs
dH/ZvADQf0RceBhBazfcgnoX+tzQZLkBuFkHeo7L
-----END CERTIFICATE-----
`,
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgdLoiqLXFIAY8lYvu
Qn97dyAUx/MDyjkjbDQlr204r0uhRANCAATEMyQCaySxlOvW4eI9zhysrldk4fVl
4aIW4oLwuQK7htVhfwFl6FqJ54NYN+2hTJof6Yd8F8Em2QIiGtIpIyK3
-----END PRIVATE KEY-----
`,
}

/** The identity as files, until the test ends. */
export async function identityFiles(context: TestContext, identity: TestIdentity): Promise<TlsFiles> {
  const directory = await mkdtemp(path.join(tmpdir(), 'hotbucket-tls-'))
  context.after(async () => rm(directory, { recursive: true }))
  const files = { certificate: path.join(directory, 'tls.crt'), key: path.join(directory, 'tls.key') }
  await writeFile(files.certificate, identity.certificate)
  await writeFile(files.key, identity.key)
  return files
}
