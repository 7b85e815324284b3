import t from 'tap'
import { PeerbinError } from '../../src/errors.ts'
import { ReceiptTally } from '../../src/node/receipt-tally.ts'
import { chunkIdOf } from '../../src/protocol/ids.ts'
import type { Generation, PeerId, Receipt } from '../../src/types.ts'

const chunk = chunkIdOf(new Uint8Array(1))
const receipt = (peer: string, host: string): Receipt => ({
  peer: peer as PeerId,
  host,
  chunk,
  generation: 1 as Generation,
  boot: 1
})

/** The outcome if it is known by now. */
async function known(tally: ReceiptTally): Promise<unknown> {
  const outcome = tally.decided.then(
    (receipts) => receipts.map((each) => each.peer),
    (error: PeerbinError) => error.code
  )
  return await Promise.race([outcome, new Promise((resolve) => setImmediate(resolve, 'open'))])
}

const rules = { copies: 3, copiesMin: 2, hostsMin: 2, parties: 3 }

t.test('the answer is known with the second copy', async (t) => {
  const tally = new ReceiptTally(rules)
  tally.add(receipt('a', 'h1'))
  t.equal(await known(tally), 'open')
  tally.add(receipt('b', 'h2'))
  t.same(await known(tally), ['a', 'b'])
  tally.add(receipt('c', 'h3'))
  t.same(await known(tally), ['a', 'b'], 'later ones change nothing')
})

t.test('two copies on one host are not enough where two hosts are asked for', async (t) => {
  const tally = new ReceiptTally(rules)
  tally.add(receipt('a', 'h1'))
  tally.add(receipt('b', 'h1'))
  t.equal(await known(tally), 'open')
  tally.miss()
  t.equal(await known(tally), 'copies-missing')
})

t.test('peers alone are enough when the own store fails', async (t) => {
  const tally = new ReceiptTally(rules)
  tally.missOwn(new PeerbinError('store-full'))
  tally.add(receipt('b', 'h2'))
  tally.add(receipt('c', 'h3'))
  t.same(await known(tally), ['b', 'c'])
})

t.test('it gives up as soon as there cannot be enough', async (t) => {
  const tally = new ReceiptTally(rules)
  tally.miss()
  t.equal(await known(tally), 'open')
  tally.missOwn(new PeerbinError('store-full'))
  t.equal(await known(tally), 'copies-missing')
  const error: unknown = await tally.decided.catch((reason: unknown) => reason)
  t.match(error, { details: { copies: 0, copiesMin: 2, hostsMin: 2, ownStore: 'store-full' } })
})

t.test('a put of one copy fails with the error of the own store', async (t) => {
  const tally = new ReceiptTally({ copies: 1, copiesMin: 1, hostsMin: 1, parties: 1 })
  tally.missOwn(new PeerbinError('store-full'))
  t.equal(await known(tally), 'store-full')
})
