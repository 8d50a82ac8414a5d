import assert from 'node:assert/strict'
import { test } from 'node:test'

import { account, onceValid } from './accounting.ts'

test('account() gives what the work gave, and CPU time of the server', async () => {
  const result = await account({ server: [process.pid] }, async () => {
    const untilMs = performance.now() + 60
    while (performance.now() < untilMs);
    return 7
  })
  assert.equal(result.value, 7)
  assert.ok(result.elapsedSeconds >= 0.06)
  assert.ok(result.serverSeconds >= 0)
})

test('onceValid() tries twice at most, and says that the last one does not count', async () => {
  let tries = 0
  const lines: string[] = []
  const work = async (): Promise<number> => ++tries
  const { value, counts } = await onceValid({ server: [] }, work, (line) => lines.push(line))
  assert.equal(value, tries)
  assert.ok(tries === 1 || tries === 2)
  assert.equal(lines.length, tries)
  assert.equal(counts.voidUsed, lines.at(-1)?.includes('void'))
})
