import t from 'tap'
import { guardSource } from '../../src/client/source-guard.ts'
import { ManualClock } from '../kit/manual-clock.ts'

const STALL_MS = 30_000

/** Reads pieces of so many bytes that come every `everyMs`; answers how many bytes came before it was cut off, and by what. */
async function read(
  pieceBytes: number,
  everyMs: number,
  pieces: number,
  { holdMs = 0, betweenBytes = 0 } = {}
) {
  const clock = new ManualClock()
  let arrivedBytes = 1_000_000 // of requests before, on the same connection
  async function* source(): AsyncGenerator<Uint8Array> {
    for (let i = 0; i < pieces; i++) {
      await clock.advance(everyMs)
      arrivedBytes += pieceBytes + betweenBytes
      yield new Uint8Array(pieceBytes)
    }
  }
  const { signal } = new AbortController()
  let bytes = 0
  try {
    for await (const piece of guardSource(source(), {
      clock,
      stallMs: STALL_MS,
      rateMinBytes: 4096,
      arrivedBytes: betweenBytes === 0 ? undefined : () => arrivedBytes,
      signal
    })) {
      bytes += piece.byteLength
      await clock.advance(holdMs)
    }
    return { bytes, code: undefined }
  } catch (error) {
    return { bytes, code: (error as { code?: string }).code }
  }
}

t.test('a byte now and then is no upload', async (t) => {
  t.same(await read(1, 20_000, 100), { bytes: 1, code: 'upload-stalled' })
  t.same((await read(100, 100, 10_000)).code, 'upload-stalled')
})

t.test('a slow line is', async (t) => {
  t.same(await read(1460, 300, 1000), { bytes: 1_460_000, code: undefined })
  t.same(
    await read(100_000, 20_000, 20),
    { bytes: 2_000_000, code: undefined },
    'also one that comes in bursts'
  )
})

t.test('time in which nobody reads does not count', async (t) => {
  t.same(await read(1000, 10, 100, { holdMs: 60_000 }), { bytes: 100_000, code: undefined })
})

t.test('what stands between the files of a form has come too', async (t) => {
  t.same(await read(4, 100, 1000, { betweenBytes: 600 }), { bytes: 4000, code: undefined })
  t.same((await read(4, 100, 1000, { betweenBytes: 300 })).code, 'upload-stalled')
})
