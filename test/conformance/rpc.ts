/** What requests and answers must hold over any Network: `rpcConformance(t, factory)`. */

import type { Test } from 'tap'
import { PeerbinError, hasCode } from '../../src/errors.ts'
import { CHUNK_BYTES_MAX } from '../../src/protocol/limits.ts'
import { until } from '../kit/until.ts'
import type { NetworkFactory } from './network.ts'
import { pattern } from './network-steps.ts'
import { losses, refusals } from './rpc-faults.ts'
import { createWorld, loading, options, storing, sum } from './rpc-world.ts'
import type { Define } from './rpc-world.ts'

export function rpcConformance(t: Test, factory: NetworkFactory): void {
  const test: Define = (name, body) => {
    void t.test(`${factory.name}: ${name}`, async (t) => {
      await body(
        t,
        async (handlers = {}, limits = {}, clocks) => await createWorld(t, factory, handlers, limits, clocks)
      )
    })
  }
  calls(test)
  bodies(test)
  refusals(test)
  losses(test)
}

function calls(test: Define): void {
  test('a request is answered, and the stream is kept for the next', async (t, make) => {
    const { caller, server, opened } = await make()
    for (let n = 0; n < 20; n++) {
      const { message, body } = await caller.call(server.self, 'double', { n }, options())
      t.same(message, { n: n * 2 })
      t.equal(body, undefined)
    }
    t.equal(opened(), 1)
  })

  test('requests at once take a stream each, and those are used again', async (t, make) => {
    const { caller, server, opened } = await make()
    for (let round = 0; round < 3; round++) {
      const all = Array.from({ length: 30 }, (_, n) => caller.call(server.self, 'double', { n }, options()))
      t.same(
        (await Promise.all(all)).map(({ message }) => message.n),
        all.map((_, n) => n * 2)
      )
    }
    t.ok(opened() <= 30, `${opened()} streams`)
  })

  test('more requests than streams wait for their turn', async (t, make) => {
    const { caller, server, opened } = await make()
    const all = Array.from({ length: 400 }, (_, n) => caller.call(server.self, 'double', { n }, options()))
    t.equal((await Promise.all(all)).length, 400)
    t.ok(opened() < 256, `${opened()} streams`)
  })

  test('an error of a handler comes back with its code, text and time to wait', async (t, make) => {
    const { caller, server, opened } = await make({
      double: async () => {
        throw new PeerbinError('store-full', 'no room at all', { retryAfterMs: 1234 })
      }
    })
    for (let i = 0; i < 2; i++) {
      await t.rejects(caller.call(server.self, 'double', { n: 1 }, options()), {
        code: 'store-full',
        message: 'no room at all',
        retryAfterMs: 1234
      })
    }
    t.equal(opened(), 1, 'the stream outlives it')
  })

  test('the text of an unexpected error stays where it is', async (t, make) => {
    const { caller, server } = await make({
      double: async ({ message }) => {
        throw message.n === 1 ? new Error('password is swordfish') : new PeerbinError('internal', 'swordfish')
      }
    })
    for (const n of [1, 2]) {
      const error: unknown = await caller
        .call(server.self, 'double', { n }, options())
        .catch((e: unknown) => e)
      t.ok(hasCode(error, 'internal'))
      t.notMatch(String(error), 'swordfish')
    }
  })
}

function bodies(test: Define): void {
  test('a body of any size arrives whole, both ways', async (t, make) => {
    const { caller, server, opened } = await make()
    for (const size of [0, 1, 100, 256 * 1024, 256 * 1024 + 1, CHUNK_BYTES_MAX]) {
      const bytes = pattern(size)
      const stored = await caller.call(server.self, 'store', { n: size }, storing(bytes))
      t.equal(stored.message.n, sum(bytes), `${size} bytes there`)
      const loaded = await caller.call(server.self, 'load', { n: size }, loading())
      t.ok(bytes.equals(loaded.body ?? Buffer.of(1)), `${size} bytes back`)
    }
    t.equal(opened(), 1)
  })

  test('a handler hears of a body while it arrives', async (t, make) => {
    const progress: number[] = []
    const half = Promise.withResolvers<void>()
    const { caller, server } = await make({
      store: async ({ body }) => {
        await body?.readInto(new Uint8Array(CHUNK_BYTES_MAX), (filled) => {
          progress.push(filled)
          half.resolve()
        })
        return { message: { n: 0 } }
      }
    })
    const pieces = async function* (): AsyncGenerator<Uint8Array> {
      yield pattern(1000)
      await half.promise // the second half leaves only when the first has arrived
      yield pattern(1000)
    }
    await caller.call(
      server.self,
      'store',
      { n: 0 },
      options({ body: { sizeBytes: 2000, pieces: pieces() } })
    )
    t.equal(progress.at(-1), 2000)
    t.same(
      progress,
      progress.toSorted((a, b) => a - b)
    )
  })

  test('what a handler does not read is skipped, and the stream goes on', async (t, make) => {
    const { caller, server, opened } = await make({ store: async () => ({ message: { n: 7 } }) })
    for (let i = 0; i < 3; i++) {
      const { message } = await caller.call(server.self, 'store', { n: 0 }, storing(pattern(200_000)))
      t.equal(message.n, 7)
    }
    t.equal(opened(), 1)
  })

  test('a refusal comes back before a large body is all there', async (t, make) => {
    const { caller, server } = await make({
      store: async () => {
        throw new PeerbinError('busy')
      }
    })
    let given = 0
    const endless = async function* (): AsyncGenerator<Uint8Array> {
      for (; given < CHUNK_BYTES_MAX; given += 64 * 1024) {
        yield pattern(64 * 1024)
        if (given >= CHUNK_BYTES_MAX / 2) await new Promise(() => {}) // a source that has come to a halt
      }
    }
    const body = { sizeBytes: CHUNK_BYTES_MAX, pieces: endless() }
    await t.rejects(caller.call(server.self, 'store', { n: 0 }, options({ body })), { code: 'busy' })
    t.ok(given < CHUNK_BYTES_MAX)
    const { message } = await caller.call(server.self, 'double', { n: 4 }, options())
    t.equal(message.n, 8, 'the next request is answered')
  })

  test('a source that fails fails the call with its error', async (t, make) => {
    const outcome = Promise.withResolvers<unknown>()
    const running = Promise.withResolvers<void>()
    const { caller, server } = await make({
      store: async ({ body, signal }) => {
        running.resolve()
        const reading = body?.readInto(new Uint8Array(CHUNK_BYTES_MAX))
        outcome.resolve(await reading?.catch((error: unknown) => [error, signal.aborted]))
        return { message: { n: 0 } }
      }
    })
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield pattern(1000)
      await running.promise
      throw new PeerbinError('upload-incomplete')
    }
    const body = { sizeBytes: 2000, pieces: broken() }
    await t.rejects(caller.call(server.self, 'store', { n: 0 }, options({ body })), {
      code: 'upload-incomplete'
    })
    t.match(await outcome.promise, [{ code: 'peer-unreachable' }, true], 'the handler is told')
  })

  test('a source that gives too much or too little is caught', async (t, make) => {
    const { caller, server } = await make()
    for (const pieces of [[pattern(9)], [pattern(11)], [pattern(10), pattern(1)]]) {
      const body = { sizeBytes: 10, pieces }
      await t.rejects(caller.call(server.self, 'store', { n: 0 }, options({ body })), { code: 'internal' })
    }
  })

  test('an answer whose source fails in the middle is never a whole one, and gives its buffers back', async (t, make) => {
    let done = 0
    const { caller, server } = await make({
      load: async () => ({
        message: { n: 0 },
        body: {
          sizeBytes: 1000,
          pieces: (function* () {
            yield pattern(500)
            throw new Error('disk on fire')
          })()
        },
        done: () => done++
      })
    })
    await t.rejects(caller.call(server.self, 'load', { n: 0 }, loading()), { code: 'peer-unreachable' })
    await until('buffers are given back', () => done === 1)
  })

  test('a body that is too large is not sent', async (t, make) => {
    const { caller, server } = await make()
    const body = { sizeBytes: CHUNK_BYTES_MAX + 1, pieces: [] }
    await t.rejects(caller.call(server.self, 'store', { n: 0 }, options({ body })), {
      code: 'chunk-too-large'
    })
  })
}
