import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Screen } from './screen.ts'

function terminal(rows: number): { written: string[]; columns: number; rows: number; write: (text: string) => boolean } {
  const written: string[] = []
  return {
    written,
    columns: 100,
    rows,
    write: (text) => {
      written.push(text)
      return true
    },
  }
}

test('Screen hides the cursor and gives it back, once', () => {
  const output = terminal(24)
  const screen = new Screen(output)
  screen.open()
  screen.close()
  screen.close()
  assert.equal(output.written.length, 2)
  assert.ok(output.written[0]!.includes('\u001B[?25l'))
  assert.ok(output.written[1]!.includes('\u001B[?25h'))
})

test('Screen draws in one write, clears what was longer before, and never more lines than there are rows', () => {
  const output = terminal(2)
  new Screen(output).draw(['one', 'two', 'three'])
  assert.equal(output.written.length, 1)
  assert.ok(output.written[0]!.includes('one\u001B[K\r\ntwo\u001B[K\u001B[J'))
  assert.ok(!output.written[0]!.includes('three'))
  assert.ok(!output.written[0]!.includes('\u001B[2J'))
})

test('Screen leaves no listener behind', () => {
  const before = process.listenerCount('exit')
  const screen = new Screen(terminal(24))
  screen.open()
  assert.equal(process.listenerCount('exit'), before + 1)
  screen.close()
  assert.equal(process.listenerCount('exit'), before)
})
