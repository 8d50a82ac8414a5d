import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BlockFill } from './block-fill.ts'
import { ByteBudget } from './byte-budget.ts'

function newFill(length: number, mainFrom: number): { fill: BlockFill; freed: () => number } {
  let freed = 0
  const memory = { bytes: new Uint8Array(length), reservation: undefined, free: () => void freed++ }
  return { fill: new BlockFill(3, memory, mainFrom), freed: () => freed }
}

test('a block that begins in its middle is available from there first, and as one when the prefix is in', () => {
  const { fill } = newFill(100, 60)
  assert.equal(fill.availableTo(60), undefined)
  assert.equal(fill.appendMain(new Uint8Array(30).fill(1)), 30)
  assert.equal(fill.availableTo(60), 90)
  assert.equal(fill.availableTo(90), undefined)
  assert.equal(fill.availableTo(0), undefined)
  assert.equal(fill.appendMain(new Uint8Array(30).fill(1)), 10, 'the rest belongs to the next block')
  assert.ok(fill.mainIsFull && !fill.isComplete)
  fill.appendPrefix(new Uint8Array(59).fill(2))
  assert.equal(fill.availableTo(10), 59)
  assert.equal(fill.availableTo(59), undefined)
  fill.appendPrefix(new Uint8Array(1).fill(2))
  assert.equal(fill.availableTo(10), 100)
  assert.ok(fill.isComplete)
  assert.throws(() => fill.appendPrefix(new Uint8Array(1)), /prefix ends/)
})

test('the memory of a block is freed once, when the fill and every piece let go of it', () => {
  const { fill, freed } = newFill(10, 0)
  fill.appendMain(new Uint8Array(10))
  const pieces = [fill.piece(0, 5, 'origin'), fill.piece(5, 10, 'coalesced')]
  fill.release()
  pieces[0]?.release()
  pieces[0]?.release()
  assert.equal(freed(), 0)
  pieces[1]?.release()
  assert.equal(freed(), 1)
  assert.throws(() => fill.appendMain(new Uint8Array(1)), /given up/)
  assert.throws(() => fill.release(), /as often/)
})

test('a budget gives no more than it has, and takes no more than it gave', () => {
  const budget = new ByteBudget(10)
  assert.equal(budget.tryTake(7), true)
  assert.equal(budget.tryTake(4), false)
  assert.equal(budget.tryTake(3), true)
  budget.give(10)
  assert.equal(budget.usedBytes, 0)
  assert.throws(() => budget.give(1), /given back/)
})
