import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import { risingCell } from '../../src/compose/term-memory.ts'
import type { PeerbinError } from '../../src/index.ts'
import { createClient, createController } from '../../src/index.ts'
import { memoryCell } from '../../src/runtime/cell.ts'
import type { Term } from '../../src/types.ts'
import { until } from '../kit/until.ts'
import { RecoveryKit } from './recovery-kit.ts'

// several clusters one after the other, on a machine that may be busy
t.setTimeout(400_000)

t.test('the old controller is followed by nobody, also when the new one is away, and ends', async (t) => {
  const kit = new RecoveryKit(t)
  await kit.start()
  const share = await kit.client.upload(randomBytes(1000), { name: 'x' })
  await kit.loseController()
  await kit.recover()
  // a client that remembers what it has heard
  const cluster = { ...kit.cluster, addresses: [...(kit.nodes[0]?.running.addresses ?? [])] }
  const options = { ...kit.options('client'), cluster, data: kit.home('client') }
  const client = await createClient(options)
  await client.start()
  await client.ready()
  await until('nodes have a snapshot of the new one', async () => (await kit.behindMs()) !== null)
  await client.stop()
  await kit.loseController()

  const lost: PeerbinError[] = []
  const old = await createController({
    ...kit.options('c'),
    cluster,
    data: join(kit.home('c'), 'controller'),
    onFailure: (failure) => lost.push(failure)
  })
  await kit.begin(old)
  t.ok(old.term < 2 ** 20, 'it knows no better when it starts')
  const again = await createClient({ ...options, config: { ...options.config, controller: { waitMs: 500 } } })
  await kit.begin(again)
  await until('the client hears it', () => again.membership.get(old.peerId)?.liveness === 'active')
  await t.rejects(again.download(share.token), { code: 'no-controller' }, 'but does not follow it')
  await until('the nodes turn it away', () => lost.length > 0)
  t.match(lost, [{ code: 'term-stale', message: /Another controller leads this cluster now/ }])
  t.match(old.membership.get(old.peerId), { roles: ['controller'] })
  await until('it says so to everybody', () => again.membership.get(old.peerId)?.term === 0)
})

t.test('a remembered term never goes down, whoever writes it', async (t) => {
  const cell = memoryCell(5 as Term)
  const rising = risingCell(cell)
  await rising.set(9 as Term)
  await rising.set(7 as Term)
  t.equal(cell.get(), 9)
})
