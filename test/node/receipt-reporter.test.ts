import t from 'tap'
import type { ControllerClient } from '../../src/client/controller-client.ts'
import { PeerbinError } from '../../src/errors.ts'
import { ReceiptReporter } from '../../src/node/receipt-reporter.ts'
import { chunkIdOf } from '../../src/protocol/ids.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import type { Generation, PeerId, Receipt } from '../../src/types.ts'

const signal = new AbortController().signal
const receipt = (boot: number): Receipt => ({
  peer: 'p' as PeerId,
  host: 'h',
  chunk: chunkIdOf(new Uint8Array(1)),
  generation: 1 as Generation,
  boot
})

function reporting(waitingMax = 1000): {
  reporter: ReceiptReporter
  batches: number[][]
  refuse: (error?: PeerbinError) => void
} {
  const batches: number[][] = []
  let refusal: PeerbinError | undefined
  const controller = {
    call: async (_op: string, message: { receipts: Receipt[] }) => {
      if (refusal !== undefined) throw refusal
      batches.push(message.receipts.map((each) => each.boot))
      return {}
    }
  } as unknown as Pick<ControllerClient, 'call'>
  const reporter = new ReceiptReporter({
    self: receipt(0).peer,
    controller,
    logger: silentLogger,
    intervalMs: 100,
    waitingMax
  })
  return { reporter, batches, refuse: (error) => (refusal = error) }
}

t.test('receipts go out together, in batches that fit a message', async (t) => {
  const { reporter, batches } = reporting()
  t.equal(await reporter.step(signal), 'idle')
  for (let i = 0; i < 300; i++) reporter.add(receipt(i))
  t.equal(await reporter.step(signal), 'busy')
  t.equal(await reporter.step(signal), 'idle')
  t.same(
    batches.map((batch) => batch.length),
    [256, 44]
  )
})

t.test('while no controller answers they wait in order, and then go out', async (t) => {
  const { reporter, batches, refuse } = reporting()
  refuse(new PeerbinError('no-controller'))
  reporter.add(receipt(1))
  t.match(await reporter.step(signal), { retryAfterMs: Number })
  reporter.add(receipt(2))
  refuse(undefined)
  await reporter.step(signal)
  t.same(batches, [[1, 2]])
})

t.test('the oldest are forgotten when too many wait', async (t) => {
  const { reporter, batches, refuse } = reporting(3)
  refuse(new PeerbinError('no-controller'))
  for (const boot of [1, 2, 3]) reporter.add(receipt(boot))
  await reporter.step(signal)
  for (const boot of [4, 5]) reporter.add(receipt(boot))
  t.equal(reporter.waiting, 3)
  refuse(undefined)
  await reporter.step(signal)
  t.same(batches, [[3, 4, 5]])
})

t.test('a batch that the controller refuses for good does not hold up the next', async (t) => {
  const { reporter, batches, refuse } = reporting()
  refuse(new PeerbinError('bad-request'))
  reporter.add(receipt(1))
  await reporter.step(signal)
  refuse(undefined)
  reporter.add(receipt(2))
  await reporter.step(signal)
  t.same(batches, [[2]])
})
