import type { Credentials } from '../sign.ts'

/** A real S3 server that the tests run against. */
export interface TestOrigin {
  /** For people: product and version. */
  readonly name: string
  readonly endpoint: string
  readonly credentials: Credentials
  /** Another key of the first account, whose secret needs no encoding in a URI; where the server has one. */
  readonly plain?: Credentials
  /** A key of another account, where the server has one. */
  readonly other?: Credentials
  /** A key of an account in the tenant `tenant1`, whose buckets are its own names; where the server has such. */
  readonly tenant?: Credentials
  /** The local TCP port, where the server is ours; undefined for one that was given. */
  readonly port: number | undefined
  /** Started for this run, and gone with all that is in it after it. */
  readonly disposable: boolean
  stop(): Promise<void>
}

export const ORIGIN_NAMES = ['rgw', 'moto', 'versitygw', 'endpoint'] as const
export type OriginName = (typeof ORIGIN_NAMES)[number]

/** Good for a throw-away server on 127.0.0.1 only; the signs in the secret are those that signers get wrong. */
export const TEST_CREDENTIALS: Credentials = {
  accessKeyId: 'HOTBUCKETTESTORIGIN0',
  secretAccessKey: 'hotbucket+test/origin=secret',
  region: 'us-east-1',
}

/** The key in pyarrow's own tests, which put it into URIs as it is. */
export const PLAIN_CREDENTIALS: Credentials = { accessKeyId: 'arrow', secretAccessKey: 'apachearrow', region: 'us-east-1' }

/** The key of an account in a tenant; hotbucket is not told of it. */
export const TENANT_CREDENTIALS: Credentials = {
  accessKeyId: 'HOTBUCKETTESTORIGIN2',
  secretAccessKey: 'tenant+test/account=secret',
  region: 'us-east-1',
}

/** The key of a second account; hotbucket is not told of it. */
export const OTHER_CREDENTIALS: Credentials = {
  accessKeyId: 'HOTBUCKETTESTORIGIN1',
  secretAccessKey: 'another+test/account=secret',
  region: 'us-east-1',
}
