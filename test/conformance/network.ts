/** What every Network must hold (src/interfaces.ts). Run it with `networkConformance(t, factory)`. */

import type { Test } from 'tap'
import { hasCode } from '../../src/errors.ts'
import type { Network, StreamHandler } from '../../src/interfaces.ts'
import { peerId } from '../../src/protocol/schema.ts'
import type { PeerId } from '../../src/types.ts'
import { until } from '../kit/until.ts'
import {
  ECHO,
  HOLD,
  TOPIC,
  addressOf,
  echo,
  holdUntilReset,
  openAndUse,
  pair,
  pauseTurns,
  readToEnd,
  rejectsUnreachable,
  untilHeard
} from './network-steps.ts'
import type { Define, Networks } from './network-steps.ts'
import { failures, streams } from './network-streams.ts'

export interface NetworkFactory {
  readonly name: string
  /** A network that was not started, a member of one cluster, or of another when `secret` is given. Stopping it is up to the suite. */
  create(options?: { secret?: Uint8Array }): Promise<Network>
}

const OTHER_SECRET = new Uint8Array(32).fill(0xee)

export function networkConformance(t: Test, factory: NetworkFactory): void {
  const test = (name: string, body: (t: Test, networks: Networks) => Promise<void>): void => {
    void t.test(`${factory.name}: ${name}`, async (t) => {
      const networks: Networks = async (count, prepare) => {
        const made = await Promise.all(Array.from({ length: count }, () => factory.create()))
        made.forEach((network, index) => prepare?.(network, index))
        t.teardown(async () => {
          await Promise.all(made.map((network) => network.stop()))
        })
        await Promise.all(made.map((network) => network.start()))
        return made
      }
      await body(t, networks)
    })
  }
  connecting(test, factory)
  streams(test)
  failures(test)
  gossip(test)
  stopping(test, factory)
}

function connecting(test: Define, factory: NetworkFactory): void {
  test('an address leads to a peer, and both sides see the connection', async (t, networks) => {
    const [a, b] = pair(await networks(2))
    t.equal(peerId.safeParse(a.self).success, true, 'its id is a peer id')
    t.ok(
      b.addresses().every((address) => address.endsWith(`/p2p/${b.self}`)),
      'addresses end in the peer id'
    )
    t.equal(await a.connect(addressOf(b)), b.self)
    t.same(a.connected(), [b.self])
    await until('the other side sees it too', () => b.connected().includes(a.self))
    t.equal(await a.connect(b.self), b.self, 'again is harmless')
  })

  test('a learnt peer can be dialled by its id, an unknown one cannot', async (t, networks) => {
    const [a, b, c] = await networks(3)
    if (a === undefined || b === undefined || c === undefined) throw new Error('three networks')
    a.learn(b.self, b.addresses())
    t.equal(await a.connect(b.self), b.self)
    await rejectsUnreachable(t, a.connect(c.self))
    a.learn(b.self, [])
    t.equal(await a.connect(b.self), b.self, 'a connection outlives what was known')
  })

  test('a peer that has stopped cannot be reached', async (t, networks) => {
    const [a, b] = pair(await networks(2))
    const address = addressOf(b)
    await b.stop()
    await rejectsUnreachable(t, a.connect(address))
  })

  test('an aborted signal ends a dial', async (t, networks) => {
    const [a, b] = pair(await networks(2))
    await t.rejects(a.connect(addressOf(b), { signal: AbortSignal.abort() }), { code: 'aborted' })
  })

  test('a stranger without the secret gets no connection, no stream and no gossip', async (t, networks) => {
    let served = 0
    const heard: PeerId[] = []
    const [a, b] = pair(
      await networks(2, (network) => {
        network.handle(ECHO, async () => {
          served++
        })
        network.subscribe(TOPIC, (from) => heard.push(from))
      })
    )
    await a.connect(addressOf(b))
    const stranger = await factory.create({ secret: OTHER_SECRET })
    t.teardown(() => stranger.stop())
    const overheard: PeerId[] = []
    stranger.subscribe(TOPIC, (from) => overheard.push(from))
    await stranger.start()
    await rejectsUnreachable(t, stranger.connect(addressOf(a)))
    await rejectsUnreachable(t, a.connect(addressOf(stranger)))
    stranger.learn(a.self, a.addresses())
    await rejectsUnreachable(t, stranger.open(a.self, ECHO))
    await stranger.publish(TOPIC, Uint8Array.of(66))
    await untilHeard(a, () => heard.includes(a.self))
    t.same(stranger.connected(), [])
    t.notOk(a.connected().includes(stranger.self))
    t.equal(served, 0)
    t.notOk(heard.includes(stranger.self), 'nobody hears the stranger')
    t.same(overheard, [], 'the stranger hears nobody')
  })

  test('an evicted peer is hung up on, refused, and no longer heard', async (t, networks) => {
    const heard: PeerId[] = []
    const made = await networks(3, (network, index) => {
      network.handle(ECHO, echo)
      if (index === 0) network.subscribe(TOPIC, (from) => heard.push(from))
      else network.subscribe(TOPIC, () => {})
    })
    const [a, evicted, friend] = made
    if (a === undefined || evicted === undefined || friend === undefined) throw new Error('three networks')
    await evicted.connect(addressOf(a))
    await friend.connect(addressOf(a))
    await evicted.connect(addressOf(friend))
    const stream = await evicted.open(a.self, ECHO)
    await untilHeard(evicted, () => heard.includes(evicted.self))
    a.evict(evicted.self)
    await rejectsUnreachable(t, readToEnd(stream))
    await until('both sides have hung up', () => !a.connected().includes(evicted.self))
    heard.length = 0
    a.learn(evicted.self, evicted.addresses())
    await rejectsUnreachable(t, a.connect(addressOf(evicted)))
    await rejectsUnreachable(t, openAndUse(evicted, a.self, addressOf(a)))
    await evicted.publish(TOPIC, Uint8Array.of(1)) // the friend passes it on
    await untilHeard(friend, () => heard.includes(friend.self))
    t.notOk(heard.includes(evicted.self))
  })
}

function gossip(test: Define): void {
  test('a message reaches every subscriber once, with its sender, and not the sender', async (t, networks) => {
    const heard: string[][] = []
    const made = await networks(4, (network, index) => {
      heard[index] = []
      network.subscribe(TOPIC, (from, message) => heard[index]?.push(`${from} ${message.join()}`))
    })
    const [first, ...rest] = made
    if (first === undefined) throw new Error('four networks')
    for (const network of rest) await network.connect(addressOf(first)) // a star: some hear it from others only
    const [sender] = rest
    if (sender === undefined) throw new Error('a sender')
    let round = 0
    await until('everybody hears everybody', async () => {
      round++
      await sender.publish(TOPIC, Uint8Array.of(7, round))
      await pauseTurns()
      return heard.every(
        (lines, i) => made[i] === sender || lines.some((line) => line.startsWith(sender.self))
      )
    })
    for (const lines of heard) t.equal(new Set(lines).size, lines.length, 'nothing comes twice')
    t.same(heard[made.indexOf(sender)], [], 'the sender does not hear itself')
  })

  test('publishing alone is harmless, and a message is bounded', async (t, networks) => {
    const [a] = await networks(1)
    await a?.publish(TOPIC, Uint8Array.of(1))
    await t.rejects(a?.publish(TOPIC, new Uint8Array(100_000)) ?? Promise.resolve(), {
      code: 'message-too-large'
    })
  })
}

function stopping(test: Define, factory: NetworkFactory): void {
  test('stopping ends streams and connections at once and gives everything back', async (t, networks) => {
    const handlers: Array<Promise<unknown>> = []
    const handler: StreamHandler = (stream) => {
      const held = holdUntilReset(stream)
      handlers.push(held.catch(() => 'ended'))
      return held
    }
    const [a, b] = pair(await networks(2, (network) => network.handle(HOLD, handler)))
    await a.connect(addressOf(b))
    const outgoing = await Promise.all(Array.from({ length: 20 }, () => a.open(b.self, HOLD)))
    const waiting = outgoing.map((stream) => readToEnd(stream).catch((error: unknown) => error))
    await until('all handlers run', () => handlers.length === 20)
    const startedAt = performance.now()
    await b.stop()
    await b.stop()
    t.ok(performance.now() - startedAt < 10_000, 'it does not wait for anybody')
    t.same(new Set(await Promise.all(handlers)), new Set(['ended']))
    for (const error of await Promise.all(waiting)) t.ok(hasCode(error, 'peer-unreachable'))
    t.same(b.connected(), [])
    await a.stop()
  })

  test('a network that was never started can be stopped', async () => {
    const network = await factory.create()
    await network.stop()
  })
}
