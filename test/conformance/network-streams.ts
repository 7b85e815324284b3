/** What every ByteStream must hold, as a part of network.ts. */

import { hasCode } from '../../src/errors.ts'
import type { ByteStream } from '../../src/interfaces.ts'
import { STREAM_BUFFER_BYTES_MAX } from '../../src/protocol/limits.ts'
import { until } from '../kit/until.ts'
import {
  ECHO,
  HOLD,
  addressOf,
  echo,
  holdUntilReset,
  pair,
  pattern,
  pauseTurns,
  readToEnd,
  rejectsUnreachable,
  untilStill,
  writeAndEnd
} from './network-steps.ts'
import type { Define } from './network-steps.ts'

export function streams(test: Define): void {
  test('bytes go both ways in order, and each side ends its own', async (t, networks) => {
    const [a, b] = pair(await networks(2, (network) => network.handle(ECHO, echo)))
    await a.connect(addressOf(b))
    for (const [from, to] of [
      [a, b],
      [b, a]
    ] as const) {
      const stream = await from.open(to.self, ECHO)
      t.equal(stream.peer, to.self)
      const sent = pattern(3 * 1024 * 1024 + 17)
      const [got] = await Promise.all([readToEnd(stream), writeAndEnd(stream, sent)])
      t.ok(Buffer.from(sent).equals(got), 'what was sent came back')
      t.equal(await stream.read(), undefined, 'the end stays the end')
      await stream.closeWrite()
    }
  })

  test('a side that was ended still gets what the other one sends', async (t, networks) => {
    const late = pattern(700_000)
    const [a, b] = pair(
      await networks(2, (network) =>
        network.handle(ECHO, async (stream) => {
          await readToEnd(stream)
          await stream.write(late)
        })
      )
    )
    a.learn(b.self, b.addresses())
    const stream = await a.open(b.self, ECHO) // dials by itself
    await stream.closeWrite()
    t.ok(Buffer.from(late).equals(await readToEnd(stream)), 'a handler that returns has ended its side')
  })

  test('a reader that comes late finds everything', async (t, networks) => {
    const sent = pattern(300_000)
    const [a, b] = pair(
      await networks(2, (network) => network.handle(ECHO, async (stream) => await stream.write(sent)))
    )
    await a.connect(addressOf(b))
    const stream = await a.open(b.self, ECHO)
    await stream.closeWrite()
    await pauseTurns()
    t.ok(Buffer.from(sent).equals(await readToEnd(stream)))
  })

  test('a protocol that nobody handles is refused', async (t, networks) => {
    const [a, b] = pair(await networks(2, (network) => network.handle(ECHO, echo)))
    await a.connect(addressOf(b))
    await rejectsUnreachable(
      t,
      (async () => {
        const stream = await a.open(b.self, '/conformance/unknown/1')
        await stream.write(Uint8Array.of(1))
        await stream.read()
      })()
    )
    const stream = await a.open(b.self, ECHO)
    await writeAndEnd(stream, Uint8Array.of(5))
    t.same(await readToEnd(stream), Buffer.of(5), 'the connection is as good as before')
  })

  test('many streams share a connection', async (t, networks) => {
    const [a, b] = pair(await networks(2, (network) => network.handle(ECHO, echo)))
    await a.connect(addressOf(b))
    const answers = await Promise.all(
      Array.from({ length: 150 }, async (_, i) => {
        const stream = await a.open(b.self, ECHO)
        const [answer] = await Promise.all([readToEnd(stream), writeAndEnd(stream, Uint8Array.of(i))])
        return answer[0]
      })
    )
    t.same(
      answers,
      Array.from({ length: 150 }, (_, i) => i)
    )
  })

  test('a reader that does not read makes the writer wait', async (t, networks) => {
    const held = Promise.withResolvers<ByteStream>()
    const release = Promise.withResolvers<void>()
    const [a, b] = pair(
      await networks(2, (network) =>
        network.handle(HOLD, async (stream) => {
          held.resolve(stream)
          await release.promise
        })
      )
    )
    await a.connect(addressOf(b))
    const stream = await a.open(b.self, HOLD)
    const total = 8 * 1024 * 1024
    const sent = pattern(total)
    let written = 0
    const writing = (async () => {
      for (let at = 0; at < total; at += 64 * 1024) {
        await stream.write(sent.subarray(at, at + 64 * 1024))
        written = at + 64 * 1024
      }
      await stream.closeWrite()
    })()
    const there = await held.promise
    await untilStill(() => written)
    t.ok(written > 0 && written <= 2 * STREAM_BUFFER_BYTES_MAX, `${written} bytes were taken unread`)
    const got: Uint8Array[] = []
    for (let piece = await there.read(); piece !== undefined; piece = await there.read()) {
      got.push(piece)
      if (got.length % 8 === 0) await pauseTurns() // paused and resumed many times
    }
    await writing
    release.resolve()
    t.ok(Buffer.concat(got).equals(sent), 'nothing is lost on the way')
  })

  test('one write may be larger than all buffers', async (t, networks) => {
    const [a, b] = pair(await networks(2, (network) => network.handle(ECHO, echo)))
    await a.connect(addressOf(b))
    const stream = await a.open(b.self, ECHO)
    const sent = pattern(5 * 1024 * 1024)
    const [got] = await Promise.all([readToEnd(stream), writeAndEnd(stream, sent)])
    t.ok(got.equals(sent))
  })

  test('small messages go to and fro on one stream', async (t, networks) => {
    const [a, b] = pair(await networks(2, (network) => network.handle(ECHO, echo)))
    await a.connect(addressOf(b))
    const stream = await a.open(b.self, ECHO)
    for (let i = 0; i < 50; i++) {
      await stream.write(Uint8Array.of(i))
      t.same(Buffer.from((await stream.read()) ?? []), Buffer.of(i))
    }
    stream.abort(new Error('enough'))
  })
}

export function failures(test: Define): void {
  test('a reset fails what is pending and what comes, on both sides', async (t, networks) => {
    const there = Promise.withResolvers<unknown>()
    const [a, b] = pair(
      await networks(2, (network) =>
        network.handle(HOLD, async (stream) => {
          await stream.write(Uint8Array.of(1))
          there.resolve(await readToEnd(stream).catch((error: unknown) => error))
        })
      )
    )
    await a.connect(addressOf(b))
    const stream = await a.open(b.self, HOLD)
    await stream.read()
    const pending = stream.read()
    stream.abort(new Error('changed my mind'))
    await rejectsUnreachable(t, pending)
    await rejectsUnreachable(t, stream.read())
    await rejectsUnreachable(t, stream.write(Uint8Array.of(1)))
    t.ok(hasCode(await there.promise, 'peer-unreachable'), 'the handler is told')
    stream.abort(new Error('again'))
    const fresh = await a.open(b.self, HOLD)
    t.same(Buffer.from((await fresh.read()) ?? []), Buffer.of(1), 'other streams are not touched')
    fresh.abort(new Error('enough'))
  })

  test('a reset ends a write that waits', async (t, networks) => {
    const [a, b] = pair(await networks(2, (network) => network.handle(HOLD, holdUntilReset)))
    await a.connect(addressOf(b))
    const stream = await a.open(b.self, HOLD)
    const writing = stream.write(pattern(8 * 1024 * 1024))
    const outcome = writing.catch((error: unknown) => error)
    await pauseTurns()
    stream.abort(new Error('no more'))
    t.ok(hasCode(await outcome, 'peer-unreachable'))
  })

  test('a handler that throws resets its stream', async (t, networks) => {
    const [a, b] = pair(
      await networks(2, (network) =>
        network.handle(ECHO, async () => {
          throw new Error('broken handler')
        })
      )
    )
    await a.connect(addressOf(b))
    await rejectsUnreachable(
      t,
      (async () => {
        const stream = await a.open(b.self, ECHO)
        await readToEnd(stream)
      })()
    )
  })

  test('an aborted signal ends the wait and leaves the stream to the caller', async (t, networks) => {
    const [a, b] = pair(await networks(2, (network) => network.handle(ECHO, echo)))
    await a.connect(addressOf(b))
    const stream = await a.open(b.self, ECHO)
    const giveUp = new AbortController()
    const pending = stream.read({ signal: giveUp.signal })
    giveUp.abort()
    await t.rejects(pending, { code: 'aborted' })
    await stream.write(Uint8Array.of(9))
    t.same(Buffer.from((await stream.read()) ?? []), Buffer.of(9))
    stream.abort(new Error('enough'))
  })

  test('a peer that dies in mid-stream is an error, never an end', async (t, networks) => {
    const [a, b] = pair(
      await networks(2, (network) =>
        network.handle(HOLD, async (stream) => {
          await stream.write(Uint8Array.of(1))
          await holdUntilReset(stream)
        })
      )
    )
    await a.connect(addressOf(b))
    const reading = await a.open(b.self, HOLD)
    const writing = await a.open(b.self, HOLD)
    const ended = await a.open(b.self, HOLD)
    await reading.read()
    await ended.closeWrite()
    await ended.read()
    const outcomes = [readToEnd(reading), readToEnd(ended), writing.write(pattern(8 * 1024 * 1024))].map(
      (outcome) => rejectsUnreachable(t, outcome)
    )
    await pauseTurns()
    await b.stop()
    await Promise.all(outcomes)
    await until('the connection is gone', () => a.connected().length === 0)
  })
}
