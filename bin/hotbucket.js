#!/usr/bin/env node
// Plain JavaScript, so that nothing has to be stripped of types before the compile cache is on: from the second start on, the
// type stripper is not even loaded (20 MiB and some 100 ms less).
import { enableCompileCache } from 'node:module'

enableCompileCache()
await import('../src/main.ts')
