/** What must hold when a peer breaks the protocol, or breaks: a part of rpc.ts. */

import { z } from 'zod'
import { PeerbinError, hasCode } from '../../src/errors.ts'
import type { Timer } from '../../src/interfaces.ts'
import { encodeHeader, encodeHello } from '../../src/protocol/codec.ts'
import { CHUNK_BYTES_MAX } from '../../src/protocol/limits.ts'
import { createCaller } from '../../src/protocol/rpc-client.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { ManualClock, settle } from '../kit/manual-clock.ts'
import { until } from '../kit/until.ts'
import { pattern, readToEnd } from './network-steps.ts'
import { PROTOCOL, messages, options, storing } from './rpc-world.ts'
import type { Define } from './rpc-world.ts'

/** Of a server with one stream: what it waits for does not end with time, but when it is told to. */
class IdleClock extends ManualClock {
  #end: (() => void) | undefined

  override setTimer(_delayMs: number, callback: () => void): Timer {
    this.#end = callback
    return {
      cancel: () => {
        if (this.#end === callback) this.#end = undefined
      }
    }
  }

  get waits(): boolean {
    return this.#end !== undefined
  }

  end(): void {
    this.#end?.()
  }
}

export function refusals(test: Define): void {
  test('a role that may not send a message is refused', async (t, make) => {
    const { client, server } = await make()
    const shared = { network: client, protocol: PROTOCOL, messages, clock: systemClock }
    const node = createCaller({ ...shared, role: 'node' })
    t.teardown(() => node.close())
    await t.rejects(node.call(server.self, 'store', { n: 0 }, storing(pattern(10))), {
      code: 'role-forbidden'
    })
    const { message } = await node.call(server.self, 'double', { n: 1 }, options())
    t.equal(message.n, 2)
  })

  test('a message that is not in the table, or does not fit its schema, is refused', async (t, make) => {
    const { client, server } = await make()
    const loose = z.object({}).loose()
    const wide = { request: loose, response: loose, requestBody: false, responseBody: false }
    const caller = createCaller({
      network: client,
      protocol: PROTOCOL,
      messages: { double: wide, store: wide, missing: wide, constructor: wide },
      role: 'edge',
      clock: systemClock
    })
    t.teardown(() => caller.close())
    for (const op of ['missing', 'constructor', 'store'] as const) {
      await t.rejects(caller.call(server.self, op, { n: 1 }, options()), { code: 'protocol-violation' })
    }
    for (const message of [{}, { n: 1.5 }, { n: 'many' }]) {
      await t.rejects(caller.call(server.self, 'double', message, options()), { code: 'protocol-violation' })
    }
    const { message } = await caller.call(server.self, 'double', { n: 5, later: true }, options())
    t.same(message, { n: 10 }, 'a field of a later version is no harm')
  })

  test('a caller does not send what its own schema forbids', async (t, make) => {
    const { caller, server, opened } = await make()
    await t.rejects(caller.call(server.self, 'double', { n: 0.5 }, options()), { code: 'bad-request' })
    t.equal(opened(), 0)
  })

  test('an answer that does not fit is an error on the side that made it', async (t, make) => {
    const { caller, server } = await make({ double: async () => ({ message: { n: 0.5 } }) })
    await t.rejects(caller.call(server.self, 'double', { n: 1 }, options()), { code: 'internal' })
  })

  const broken: Array<[string, Uint8Array]> = [
    ['a length of 2^40', Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0x80, 0x20)],
    ['a hello that is none', encodeHeader({ v: 1, role: 'king' })],
    ['a hello of another version', encodeHeader({ v: 2, role: 'edge' })],
    ['a header that is not dag-cbor', Uint8Array.of(3, 0xff, 0xff, 0xff)],
    [
      'a body larger than a chunk',
      Buffer.concat([
        encodeHello('edge'),
        encodeHeader({ op: 'store', m: { n: 1 }, body: CHUNK_BYTES_MAX + 1 })
      ])
    ],
    ['an endless header', Buffer.concat([Uint8Array.of(0xff, 0xff, 0x0f), new Uint8Array(300_000)])]
  ]
  for (const [what, bytes] of broken) {
    test(`${what} gets the peer cut off, and others are served`, async (t, make) => {
      const { client, server, caller } = await make()
      const stream = await client.open(server.self, PROTOCOL)
      await stream.write(bytes).catch(() => undefined) // it may be cut off before all is written
      await t.rejects(readToEnd(stream), { code: 'peer-unreachable' })
      t.equal((await caller.call(server.self, 'double', { n: 1 }, options())).message.n, 2)
    })
  }

  test('one peer has so many streams and no more', async (t, make) => {
    const { client, server } = await make({}, { streamsPerPeerMax: 3 })
    const streams = await Promise.all(Array.from({ length: 3 }, () => client.open(server.self, PROTOCOL)))
    for (const stream of streams) await stream.write(encodeHello('edge'))
    await t.rejects(
      (async () => await readToEnd(await client.open(server.self, PROTOCOL)))(),
      { code: 'peer-unreachable' },
      'the fourth is reset'
    )
    await streams[0]?.closeWrite()
    await until('there is room again', async () => {
      const stream = await client.open(server.self, PROTOCOL)
      await stream.write(Buffer.concat([encodeHello('edge'), encodeHeader({ op: 'double', m: { n: 1 } })]))
      return await stream.read().then(
        () => true,
        () => false // reset once more
      )
    })
  })

  test('a peer that says nothing is not kept for ever', async (t, make) => {
    const { client, server } = await make({}, { idleMs: 50 })
    const silent = await client.open(server.self, PROTOCOL)
    await t.rejects(readToEnd(silent), { code: 'peer-unreachable' })
    const halfway = await client.open(server.self, PROTOCOL)
    await halfway.write(Buffer.concat([encodeHello('edge'), Uint8Array.of(100, 1, 2)]))
    await t.rejects(readToEnd(halfway), { code: 'peer-unreachable' })
  })
}

export function losses(test: Define): void {
  test('a call ends at its limit or when it is given up, and the handler is told', async (t, make) => {
    const told: string[] = []
    let running = 0
    const client = new ManualClock()
    const double = async ({ signal }: { signal: AbortSignal }): Promise<{ message: { n: number } }> => {
      running++
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
      told.push(hasCode(signal.reason) ? signal.reason.code : 'unknown')
      return { message: { n: 0 } }
    }
    const { caller, server } = await make({ double }, {}, { client })
    const late = t.rejects(caller.call(server.self, 'double', { n: 1 }, { timeoutMs: 100 }), {
      code: 'deadline-exceeded'
    })
    await until('the first is under way', () => running === 1)
    await client.advance(100)
    await late
    const giveUp = new AbortController()
    const given = caller.call(server.self, 'double', { n: 1 }, options({ signal: giveUp.signal }))
    const outcome = t.rejects(given, { code: 'aborted' })
    await until('the second is under way', () => running === 2)
    giveUp.abort()
    await outcome
    await until('both handlers were told', () => told.length === 2)
    t.same(told, ['peer-unreachable', 'peer-unreachable'])
  })

  test('a kept stream that has died is replaced without a word', async (t, make) => {
    // on a clock of its own: when a machine stands still for a moment, no new stream may be taken for an idle one
    const idle = new IdleClock()
    const { caller, server, opened } = await make({}, {}, { server: idle })
    for (let n = 0; n < 12; n++) {
      const double = () => caller.call(server.self, 'double', { n }, options())
      t.equal((await double()).message.n, n * 2)
      await until('the server waits for the next request', () => idle.waits)
      // it gives the stream up long before the next request, just before it, and when that is on its way
      if (n % 3 < 2) idle.end()
      if (n % 3 === 0) await settle()
      const asked = double()
      if (n % 3 === 2) idle.end()
      t.equal((await asked).message.n, n * 2)
    }
    t.ok(opened() > 1, `${opened()} streams`)
  })

  test('a server that dies fails the call and not the caller', async (t, make) => {
    const running = Promise.withResolvers<void>()
    const { caller, server } = await make({
      double: async ({ signal }) => {
        running.resolve()
        await new Promise<void>((resolve) =>
          signal.addEventListener('abort', () => resolve(), { once: true })
        )
        return { message: { n: 0 } }
      }
    })
    const call = t.rejects(caller.call(server.self, 'double', { n: 1 }, options()), {
      code: 'peer-unreachable'
    })
    await running.promise
    await server.stop()
    await call
    await t.rejects(caller.call(server.self, 'double', { n: 1 }, options()), { code: 'peer-unreachable' })
  })

  test('a server that stops tells its handlers and waits for them', async (t, make) => {
    let ended = false
    const running = Promise.withResolvers<void>()
    const { caller, server, stopServing } = await make({
      double: async ({ signal }) => {
        running.resolve()
        await new Promise<void>((resolve) =>
          signal.addEventListener('abort', () => resolve(), { once: true })
        )
        await new Promise((resolve) => setTimeout(resolve, 20))
        ended = true
        throw new PeerbinError('shutting-down')
      }
    })
    const call = t.rejects(caller.call(server.self, 'double', { n: 1 }, options()), {
      code: 'peer-unreachable'
    })
    await running.promise
    await stopServing()
    t.ok(ended)
    await call
    await stopServing()
    await t.rejects(caller.call(server.self, 'double', { n: 1 }, options()), { code: 'peer-unreachable' })
  })

  test('a caller that is closed gives up what is under way', async (t, make) => {
    const running = Promise.withResolvers<void>()
    const { caller, server } = await make({
      double: async ({ signal }) => {
        running.resolve()
        await new Promise<void>((resolve) =>
          signal.addEventListener('abort', () => resolve(), { once: true })
        )
        return { message: { n: 0 } }
      }
    })
    const call = t.rejects(caller.call(server.self, 'double', { n: 1 }, options()), { code: 'shutting-down' })
    await running.promise
    caller.close()
    await call
    await t.rejects(caller.call(server.self, 'double', { n: 1 }, options()), { code: 'shutting-down' })
  })
}
