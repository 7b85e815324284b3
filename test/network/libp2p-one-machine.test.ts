import t from 'tap'
import type { Network } from '../../src/interfaces.ts'
import { newIdentity, peerIdOf } from '../../src/network/identity.ts'
import { createLibp2pNetwork } from '../../src/network/libp2p-network.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { until } from '../kit/until.ts'

const TOPIC = 'one-machine/topic/1'
/** More than gossipsub's limit of 10 peers per address, and than the 5 connections a second that libp2p takes from one. */
const PEERS = 14

const create = async (more: { listenHost?: string; listenPort?: number; identity?: Uint8Array } = {}) =>
  await createLibp2pNetwork({
    identity: more.identity ?? (await newIdentity()),
    clusterSecret: new Uint8Array(32).fill(7),
    listenHost: more.listenHost ?? '127.0.0.1',
    listenPort: more.listenPort ?? 0,
    announce: [],
    connectionsMax: 100,
    logger: silentLogger
  })

t.test('many processes on one machine connect at once and hear each other', async (t) => {
  const networks = await Promise.all(Array.from({ length: PEERS }, () => create()))
  t.teardown(async () => {
    await Promise.all(networks.map((network) => network.stop()))
  })
  const heard = new Map<Network, Set<string>>()
  for (const network of networks) {
    heard.set(network, new Set())
    network.subscribe(TOPIC, (from) => heard.get(network)?.add(from))
    await network.start()
  }
  const [first] = networks
  const [address] = first?.addresses() ?? []
  if (address === undefined) throw new Error('the first has no address')
  await Promise.all(networks.slice(1).map((network) => network.connect(address)))
  await until('everybody has heard everybody', async () => {
    await Promise.all(networks.map((network) => network.publish(TOPIC, Uint8Array.of(1))))
    await new Promise((resolve) => setTimeout(resolve, 100))
    return [...heard.values()].every((from) => from.size === PEERS - 1)
  })
  t.pass()
})

t.test('an identity gives the same peer id again, and a port the same address', async (t) => {
  const identity = await newIdentity()
  const before = await create({ identity })
  await before.start()
  const [address] = before.addresses()
  await before.stop()
  t.equal(before.self, peerIdOf(identity))
  const port = Number(address?.split('/')[4])
  const after = await create({ identity, listenPort: port })
  t.teardown(() => after.stop())
  await after.start()
  t.same(after.addresses(), [address])
  const third = await create({ listenPort: port })
  t.teardown(() => third.stop())
  await t.rejects(third.start(), { code: 'address-in-use' }, 'a port that is taken')
  const elsewhere = await create({ listenHost: '192.0.2.1' })
  t.teardown(() => elsewhere.stop())
  await t.rejects(elsewhere.start(), { code: 'config-invalid' }, 'an address of another machine')
})

t.test('a host that is no address is refused', async (t) => {
  await t.rejects(create({ listenHost: 'localhost' }), { code: 'config-invalid' })
})
