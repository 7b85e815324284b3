import t from 'tap'
import { ChunkBuffers } from '../../src/node/chunk-buffers.ts'
import { CHUNK_BYTES_MAX } from '../../src/protocol/limits.ts'

t.test('memory is used again only after its last holder has let go of it', async (t) => {
  const buffers = new ChunkBuffers(2)
  const first = buffers.take(CHUNK_BYTES_MAX)
  first.hold()
  first.release()
  const second = buffers.take(CHUNK_BYTES_MAX)
  t.not(second.bytes.buffer, first.bytes.buffer, 'one holder is left')
  first.release()
  const third = buffers.take(2 * 1024 * 1024)
  t.equal(third.bytes.buffer, first.bytes.buffer)
  t.equal(third.bytes.byteLength, 2 * 1024 * 1024)
  t.equal(buffers.lent, 2)
  t.equal(buffers.peak, 2)
})

t.test('spoilt memory is never used again', async (t) => {
  const buffers = new ChunkBuffers(2)
  const first = buffers.take(CHUNK_BYTES_MAX)
  first.spoil()
  first.release()
  t.equal(buffers.kept, 0)
  t.equal(buffers.lent, 0)
})

t.test('no more free buffers are kept than was said, and none for small chunks', async (t) => {
  const buffers = new ChunkBuffers(1)
  const taken = [1000, CHUNK_BYTES_MAX, CHUNK_BYTES_MAX].map((sizeBytes) => buffers.take(sizeBytes))
  t.equal(taken[0]?.bytes.buffer.byteLength, 1000)
  for (const buffer of taken) buffer.release()
  t.equal(buffers.kept, 1)
  buffers.clear()
  t.equal(buffers.kept, 0)
})
