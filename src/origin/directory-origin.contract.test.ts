import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../base/clock.ts'
import { DirectoryOrigin } from './directory-origin.ts'
import { originContract } from './origin.contract.ts'

originContract('DirectoryOrigin', async () => {
  const path = await mkdtemp(join(tmpdir(), 'hotbucket-origin-'))
  return {
    origin: new DirectoryOrigin({ name: 'directory', path }, { clock: systemClock }),
    stop: () => rm(path, { recursive: true, force: true }),
  }
})
