import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BRIDGE_CREDENTIALS, OriginBridge } from '../../test/support/origin-bridge.ts'
import { configOf } from '../../test/support/origin-requests.ts'
import { systemClock } from '../base/clock.ts'
import { DirectoryOrigin } from './directory-origin.ts'
import { originContract } from './origin.contract.ts'
import { S3Origin } from './s3-origin.ts'

originContract('S3Origin', async () => {
  const path = await mkdtemp(join(tmpdir(), 'hotbucket-bridge-'))
  const bridge = new OriginBridge(new DirectoryOrigin({ name: 'directory', path }, { clock: systemClock }))
  const credentials = { kind: 'static', ...BRIDGE_CREDENTIALS, sessionToken: undefined } as const
  const url = await bridge.start()
  return {
    origin: new S3Origin(configOf(url, { credentials, connections: 8, headTimeoutMs: 30_000 }), { clock: systemClock }),
    stop: async () => {
      await bridge.stop()
      await rm(path, { recursive: true, force: true })
    },
  }
})
