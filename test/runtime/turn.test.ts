import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { afterTurn } from '../../src/runtime/turn.ts'

const WAITING = 1000

t.test('many that wait go on a few at a time, in order', async (t) => {
  const gone: number[] = []
  for (let i = 0; i < WAITING; i++) afterTurn(() => void gone.push(i))
  t.equal(gone.length, 0, 'none before the next turn')
  let most = 0
  for (let before = 0; gone.length < WAITING; before = gone.length) {
    await nextTurn()
    most = Math.max(most, gone.length - before)
  }
  t.ok(most <= 64, `${most} at most in a turn`)
  t.same(
    gone,
    gone.map((_, i) => i)
  )
})
