// The entry of a disk reader's thread; plain JavaScript for the reason that hotbucket.js gives.
import { enableCompileCache } from 'node:module'

enableCompileCache()
await import('../src/disk-reader.ts')
