// The entry of a data worker's thread; plain JavaScript for the reason that hotbucket.js gives.
import { enableCompileCache } from 'node:module'

enableCompileCache()
await import('../src/worker.ts')
