import t from 'tap'
import { PeerbinError } from '../../src/errors.ts'
import { TermFence } from '../../src/node/term-fence.ts'
import { type Cell, memoryCell } from '../../src/runtime/cell.ts'
import type { Term } from '../../src/types.ts'

const term = (value: number): Term => value as Term

t.test('an equal or greater term is admitted, a lower one is not', async (t) => {
  const cell = memoryCell(term(3))
  const fence = new TermFence(cell)
  await t.rejects(fence.admit(term(2)), { code: 'term-stale' })
  await fence.admit(term(3))
  await fence.admit(term(5))
  t.equal(cell.get(), 5)
  await t.rejects(fence.admit(term(4)), { code: 'term-stale' })
  await t.rejects(new TermFence(cell).admit(term(4)), { code: 'term-stale' }, 'after a restart too')
})

/** A cell whose writes wait to be let through. */
function slowCell(): Cell<Term> & { writes: Array<{ value: Term; settle: (error?: Error) => void }> } {
  let durable = term(1)
  const writes: Array<{ value: Term; settle: (error?: Error) => void }> = []
  return {
    writes,
    get: () => durable,
    set: (value) =>
      new Promise((resolve, reject) => {
        writes.push({
          value,
          settle: (error) => {
            if (error !== undefined) return reject(error)
            durable = value
            resolve()
          }
        })
      })
  }
}

const isSettled = async (work: Promise<void>): Promise<boolean> => {
  const settled = work.then(
    () => true,
    () => true
  )
  return await Promise.race([settled, new Promise<boolean>((resolve) => setImmediate(resolve, false))])
}

t.test('nothing is admitted before its term is durable, and an overtaken order not at all', async (t) => {
  const cell = slowCell()
  const fence = new TermFence(cell)
  const second = fence.admit(term(2))
  t.equal(await isSettled(second), false)
  const third = fence.admit(term(3))
  await t.rejects(fence.admit(term(2)), { code: 'term-stale' }, 'a greater one was seen, durable or not')
  t.same(
    cell.writes.map((write) => write.value),
    [2]
  )
  cell.writes[0]?.settle()
  await t.rejects(second, { code: 'term-stale' }, 'overtaken while it waited')
  t.equal(await isSettled(third), false)
  cell.writes[1]?.settle()
  await third
})

t.test('a term that could not be written is written for the next order', async (t) => {
  const cell = slowCell()
  const fence = new TermFence(cell)
  const failing = fence.admit(term(2))
  cell.writes[0]?.settle(new PeerbinError('local-file'))
  await t.rejects(failing, { code: 'local-file' })
  const again = fence.admit(term(2))
  t.equal(await isSettled(again), false)
  cell.writes[1]?.settle()
  await again
})

t.test('a term heard of in a heartbeat fences older orders', async (t) => {
  const fence = new TermFence(memoryCell(term(1)))
  fence.observe(term(4))
  await t.rejects(fence.admit(term(3)), { code: 'term-stale' })
  await fence.admit(term(4))
})
