import { EventEmitter } from 'node:events'
import t from 'tap'
import { Transfers } from '../../../src/edge/transfer/transfers.ts'
import { sleep } from '../../../src/runtime/deadline.ts'
import { systemClock } from '../../../src/runtime/clock.ts'

/** As much of a response as a transfer looks at. */
class Response extends EventEmitter {
  writableFinished = false
  closed = false
}

t.test('a transfer ends with its connection', async (t) => {
  const transfers = new Transfers()
  const response = new Response()
  using transfer = transfers.begin(response)
  t.equal(transfer.signal.aborted, false)
  response.closed = true
  response.emit('close')
  t.equal(transfer.signal.aborted, true)
})

t.test('a transfer whose client left before it began is over at once', async (t) => {
  const transfers = new Transfers()
  const response = Object.assign(new Response(), { closed: true })
  using transfer = transfers.begin(response)
  t.equal(transfer.signal.aborted, true)
})

t.test('what pauses behind an answer gives up when the edge stops', async (t) => {
  const transfers = new Transfers()
  transfers.follow(sleep(systemClock, 60_000, transfers.ending).catch(() => undefined))
  t.equal(transfers.following, 1)
  await transfers.settle(systemClock, 10_000)
  t.equal(transfers.following, 0)
})
