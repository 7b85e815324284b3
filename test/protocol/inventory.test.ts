import { createHash } from 'node:crypto'
import t from 'tap'
import { InventoryDigest } from '../../src/protocol/inventory.ts'

const digestOf = (n: number): Uint8Array => createHash('sha256').update(`${n}`).digest()
const expected = (entries: ReadonlyArray<[Uint8Array, number]>): string => {
  const hash = createHash('sha256')
  for (const [digest, generation] of entries) {
    const number = Buffer.alloc(8)
    number.writeBigUInt64BE(BigInt(generation))
    hash.update(digest).update(number)
  }
  return hash.digest('hex').slice(0, 32)
}

t.test('nothing has the digest of nothing', async (t) => {
  t.strictSame(new InventoryDigest().summary(), { count: 0, digest: 'e3b0c44298fc1c149afbf4c8996fb924' })
})

t.test('one entry is the digest and the generation in eight bytes', async (t) => {
  const inventory = new InventoryDigest()
  inventory.add(Buffer.alloc(32, 0xab), 0x0102030405)
  const bytes = Buffer.concat([Buffer.alloc(32, 0xab), Buffer.from('0000000102030405', 'hex')])
  t.strictSame(inventory.summary(), {
    count: 1,
    digest: createHash('sha256').update(bytes).digest('hex').slice(0, 32)
  })
})

t.test(
  'however many entries there are, and however often it is asked, they are hashed in order',
  async (t) => {
    const inventory = new InventoryDigest()
    const entries: Array<[Uint8Array, number]> = []
    for (let n = 0; n < 1000; n++) {
      entries.push([digestOf(n), n * 2 ** 33])
      inventory.add(digestOf(n), n * 2 ** 33)
      if (n % 100 === 7) t.equal(inventory.summary().digest, expected(entries))
    }
    t.strictSame(inventory.summary(), { count: 1000, digest: expected(entries) })
  }
)

t.test('another generation, and another order, are another digest', async (t) => {
  const summaries = [
    [1, 2],
    [2, 1]
  ].map((order) => {
    const inventory = new InventoryDigest()
    for (const n of order) inventory.add(digestOf(n), 7)
    return inventory.summary().digest
  })
  const other = new InventoryDigest()
  other.add(digestOf(1), 7)
  other.add(digestOf(2), 8)
  t.equal(new Set([...summaries, other.summary().digest]).size, 3)
})
