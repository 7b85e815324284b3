import { createHash, hash } from 'node:crypto'
import t from 'tap'
import { BLOCK_BYTES, BlockCutter } from '../../src/sync/chunker.ts'
import type { BlockRef } from '../../src/sync/remote.ts'
import { seededRandom } from '../kit/seeded-random.ts'

const MIB = 2 ** 20

function noise(seed: number, sizeBytes: number): Buffer {
  // each block of 32 bytes from its number: a million calls of a generator of bytes would take seconds
  const key = createHash('sha256').update(String(seed)).digest()
  const words = new Uint32Array(sizeBytes / 4)
  let state = key.readUInt32LE(0) | 1
  for (let index = 0; index < words.length; index++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[index] = state
  }
  return Buffer.from(words.buffer)
}

function cut(content: Uint8Array, sizes: () => number = () => 65_536): BlockRef[] {
  const cutter = new BlockCutter()
  for (let at = 0; at < content.byteLength;) {
    const size = sizes()
    cutter.push(content.subarray(at, at + size))
    at += size
  }
  const { blocks, sha256, sizeBytes } = cutter.finish()
  t.equal(sha256, hash('sha256', content, 'hex'))
  t.equal(sizeBytes, content.byteLength)
  t.equal(
    blocks.reduce((sum, block) => sum + block.sizeBytes, 0),
    content.byteLength
  )
  return blocks
}

t.test('blocks have the sizes that were promised, and the digests of their bytes', async (t) => {
  const content = noise(1, 24 * MIB)
  const blocks = cut(content)
  let start = 0
  for (const [index, { digest, sizeBytes }] of blocks.entries()) {
    if (digest !== hash('sha256', content.subarray(start, start + sizeBytes), 'hex')) t.fail(`block ${index}`)
    if (index < blocks.length - 1 && (sizeBytes <= BLOCK_BYTES.min || sizeBytes > BLOCK_BYTES.max))
      t.fail(`size ${sizeBytes}`)
    start += sizeBytes
  }
  const average = content.byteLength / blocks.length
  t.ok(average > 400 * 1024 && average < 650 * 1024, `${Math.round(average / 1024)} KiB on average`)
})

t.test('where it is cut does not depend on how the bytes come', async (t) => {
  const content = noise(2, 6 * MIB)
  const random = seededRandom(3)
  const whole = cut(content, () => content.byteLength)
  t.same(
    cut(content, () => 1 + Math.floor(random.fraction() * 3 * MIB)),
    whole
  )
  t.same(
    cut(content, () => 4093),
    whole
  )
})

t.test('one byte put in, taken out or changed moves at most two MiB', async (t) => {
  const content = noise(4, 24 * MIB)
  const known = new Set(cut(content).map(({ digest }) => digest))
  for (const at of [0, 1, 5 * MIB + 17, 24 * MIB - 1]) {
    const edits = {
      inserted: Buffer.concat([content.subarray(0, at), Buffer.from('x'), content.subarray(at)]),
      removed: Buffer.concat([content.subarray(0, at), content.subarray(at + 1)])
    }
    for (const [what, edited] of Object.entries(edits)) {
      const moved = cut(edited).filter(({ digest }) => !known.has(digest))
      const bytes = moved.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
      t.ok(bytes > 0 && bytes <= 2 * MIB, `${what} at ${at}: ${bytes} bytes`)
    }
  }
})

t.test('what is the same everywhere is cut at the most, and a small file is one block', async (t) => {
  const zeros = cut(new Uint8Array(3 * MIB + 5))
  t.same(
    zeros.map(({ sizeBytes }) => sizeBytes),
    [MIB, MIB, MIB, 5]
  )
  t.same(cut(noise(5, BLOCK_BYTES.min)).length, 1)
  t.same(cut(Buffer.from('a')), [{ digest: hash('sha256', 'a', 'hex'), sizeBytes: 1 }])
  t.same(cut(new Uint8Array(0)), [])
})

t.test('where files are cut never changes: other cuts would send everybody’s files anew', async (t) => {
  const blocks = cut(noise(6, 4 * MIB))
  t.same(
    blocks.map(({ digest, sizeBytes }) => `${sizeBytes} ${digest.slice(0, 12)}`),
    [
      '528185 fb402b567256',
      '515308 b6a1921317e6',
      '563723 e868b84f4e7e',
      '969915 1aa8d7350773',
      '238874 18b407187717',
      '354010 0c41175a6371',
      '563143 c1c31779350f',
      '253441 4e060947142a',
      '207705 f76bdd54a71c'
    ]
  )
})
