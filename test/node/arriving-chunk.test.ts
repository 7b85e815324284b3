import t from 'tap'
import { PeerbinError } from '../../src/errors.ts'
import { ArrivingChunk } from '../../src/node/arriving-chunk.ts'
import { chunkIdOf } from '../../src/protocol/ids.ts'
import { FRAME_BYTES_MAX } from '../../src/protocol/limits.ts'
import type { Generation } from '../../src/types.ts'

const arriving = (sizeBytes: number): ArrivingChunk => {
  const bytes = new Uint8Array(sizeBytes).map((_, i) => i % 251)
  return new ArrivingChunk(chunkIdOf(bytes), 1 as Generation, bytes)
}

async function collect(chunk: ArrivingChunk, pieces: Uint8Array[] = []): Promise<Uint8Array[]> {
  for await (const piece of chunk) pieces.push(piece)
  return pieces
}

const turns = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

t.test(
  'followers get the bytes as they arrive, in whole frames, and one that comes late gets all of them',
  async (t) => {
    const size = 3 * FRAME_BYTES_MAX + 10
    const chunk = arriving(size)
    const early: Uint8Array[] = []
    const following = collect(chunk, early)
    await turns()
    t.equal(early.length, 0, 'nothing before anything has arrived')
    chunk.advance(FRAME_BYTES_MAX - 1)
    await turns()
    t.equal(early.length, 0, 'nothing for a part of a frame')
    chunk.advance(2 * FRAME_BYTES_MAX + 5)
    await turns()
    t.same(
      early.map((piece) => piece.byteLength),
      [2 * FRAME_BYTES_MAX],
      'what is there by then goes on in one piece'
    )
    chunk.advance(size)
    t.same(Buffer.concat(await following), Buffer.from(chunk.bytes))
    t.same(Buffer.concat(await collect(chunk)), Buffer.from(chunk.bytes), 'again, for a second attempt')
  }
)

t.test('a chunk that fails ends those who wait and those who come', async (t) => {
  const chunk = arriving(100)
  const following = collect(chunk)
  await turns()
  const gone = new PeerbinError('peer-unreachable')
  chunk.fail(gone)
  chunk.fail(new PeerbinError('internal'))
  await t.rejects(following, { code: 'peer-unreachable' })
  await t.rejects(collect(chunk), { code: 'peer-unreachable' }, 'the first reason stays')
  t.equal(chunk.signal.aborted, true)
})

t.test(
  'a chunk whose hash turns out wrong does not look complete to a follower that has all bytes',
  async (t) => {
    const chunk = arriving(100)
    chunk.advance(100)
    const follower = chunk[Symbol.asyncIterator]()
    await follower.next()
    chunk.fail(new PeerbinError('chunk-corrupt'))
    await t.rejects(follower.next(), { code: 'chunk-corrupt' })
  }
)
