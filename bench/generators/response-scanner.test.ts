import assert from 'node:assert/strict'
import { test } from 'node:test'

import { ResponseScanner } from './response-scanner.ts'

function response(bodyBytes: number, status = '200 OK'): string {
  return `HTTP/1.1 ${status}\r\nContent-Type: text/plain\r\ncontent-length: ${bodyBytes}\r\n\r\n${'x'.repeat(bodyBytes)}`
}

test('feed() counts responses wherever the pieces are cut', () => {
  const bytes = Buffer.from(response(10).repeat(5), 'latin1')
  for (let pieceBytes = 1; pieceBytes <= bytes.length; pieceBytes++) {
    const scanner = new ResponseScanner(10)
    let ended = 0
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      const piece = Buffer.from(bytes.subarray(at, at + pieceBytes))
      ended += scanner.feed(piece, piece.length)
      piece.fill(0)
    }
    assert.equal(ended, 5, `pieces of ${pieceBytes} bytes`)
    assert.equal(scanner.failed, false)
  }
})

test('feed() looks at no more of the buffer than it was told', () => {
  const bytes = Buffer.from(response(4) + response(4), 'latin1')
  assert.equal(new ResponseScanner(4).feed(bytes, bytes.length / 2), 1)
})

test('feed() fails on another status, first or later', () => {
  const first = Buffer.from(response(4, '403 Forbidden'), 'latin1')
  const scanner = new ResponseScanner(4)
  assert.equal(scanner.feed(first, first.length), 0)
  assert.ok(scanner.failed)
  const later = Buffer.from(response(4) + response(4, '503 Slow Down'), 'latin1')
  const other = new ResponseScanner(4)
  assert.equal(other.feed(later, later.length), 1)
  assert.ok(other.failed)
})

test('feed() fails on another length, announced or sent', () => {
  const announced = Buffer.from(response(5), 'latin1')
  const scanner = new ResponseScanner(4)
  scanner.feed(announced, announced.length)
  assert.ok(scanner.failed)
  const sent = Buffer.from(response(4) + response(5) + response(4), 'latin1')
  const other = new ResponseScanner(4)
  other.feed(sent, sent.length)
  assert.ok(other.failed)
})

test('feed() fails on a head without end', () => {
  const endless = Buffer.alloc(20_000, 'a')
  const scanner = new ResponseScanner(4)
  scanner.feed(endless, endless.length)
  assert.ok(scanner.failed)
})
