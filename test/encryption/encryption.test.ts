/** The scheme aes256gcm-1: its bytes are a promise, and nothing that was changed is taken for what was sent. */

import { createCipheriv, hkdfSync, randomBytes } from 'node:crypto'
import t from 'tap'
import { fromBase64Url, toBase64Url } from '../../src/encryption/base64url.ts'
import { deriveLinkKeys, isLinkSecret, newLinkSecret } from '../../src/encryption/link-keys.ts'
import type { LinkKeys } from '../../src/encryption/link-keys.ts'
import { portable } from '../../src/encryption/portable.ts'
import { DATA_BYTES, RECORD_BYTES, plainSize, sealedSize } from '../../src/encryption/scheme.ts'
import { openStream, openText, sealedTextSize, sealPart, sealText } from '../../src/encryption/streams.ts'
import { webCrypto } from '../../src/encryption/web-crypto.ts'

const SECRET = toBase64Url(Uint8Array.from({ length: 32 }, (_, i) => i))
const keys = (primitives = webCrypto, secret = SECRET): Promise<LinkKeys> =>
  deriveLinkKeys(secret, primitives)

const sourceOf = (bytes: Uint8Array) => ({
  sizeBytes: bytes.byteLength,
  read: async (start: number, end: number) => bytes.subarray(start, end)
})

async function seal({ payload }: LinkKeys, plain: Uint8Array): Promise<Buffer> {
  return Buffer.from(await sealPart(payload, sourceOf(plain), 0, sealedSize(plain.byteLength)))
}

/** In pieces that fit no record. */
async function* inPieces(bytes: Uint8Array, pieceBytes = 50_001): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
}

async function open({ payload }: LinkKeys, sealed: Uint8Array, firstRecord = 0): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of openStream(payload, inPieces(sealed), firstRecord)) pieces.push(piece)
  return Buffer.concat(pieces)
}

t.test('what is sealed is opened again, by either implementation, whatever its size', async (t) => {
  const [platform, other] = [await keys(webCrypto), await keys(portable)]
  t.equal(platform.proof, other.proof)
  for (const size of [0, 1, DATA_BYTES - 1, DATA_BYTES, DATA_BYTES + 1, 9 * DATA_BYTES, 700_001]) {
    const plain = randomBytes(size)
    const sealed = await seal(platform, plain)
    t.equal(sealed.byteLength, sealedSize(size))
    t.equal(plainSize(sealed.byteLength), size)
    t.ok(sealed.equals(await seal(platform, plain)), 'the same bytes each time, so that an upload can go on')
    t.ok(plain.equals(await open(platform, sealed)), `${size} bytes`)
    if (size > 2 * DATA_BYTES) continue // it is slow
    t.ok(plain.equals(await open(other, sealed)), `${size} bytes, by the other`)
    t.ok(sealed.equals(await seal(other, plain)), 'and sealed alike')
  }
})

t.test('the bytes are those of the description', async (t) => {
  const secret = Buffer.from(SECRET, 'base64url')
  const derive = (info: string, length: number): Buffer =>
    Buffer.from(hkdfSync('sha256', secret, '', `peerbin/e2e/1/${info}`, length))
  const plain = randomBytes(DATA_BYTES + 5)
  const records = [0, 1].map((index) => {
    const nonce = derive('payload/nonce', 12)
    nonce[11] = (nonce[11] ?? 0) ^ index
    const cipher = createCipheriv('aes-256-gcm', derive('payload/key', 32), nonce)
    const data = plain.subarray(index * DATA_BYTES, (index + 1) * DATA_BYTES)
    return Buffer.concat([
      cipher.update(data),
      cipher.update(Buffer.of(index === 1 ? 2 : 1)),
      cipher.final(),
      cipher.getAuthTag()
    ])
  })
  t.ok(Buffer.concat(records).equals(await seal(await keys(), plain)))
  t.equal((await keys()).proof, derive('proof', 32).toString('base64url'))
  // so that a change of all of them together shows too
  t.equal((await keys()).proof, 'WyfR85E_uzyWHREjComu1QZtxOrKvlSZS91v5etW0tk')
  t.equal(
    (await seal(await keys(), Buffer.from('peerbin'))).toString('hex'),
    'a782e72cccbb43ba320507c90107ead19df52d24ac567377'
  )
})

t.test('any part of the sealed stream can be made by itself', async (t) => {
  const { payload } = await keys()
  const plain = randomBytes(3 * DATA_BYTES + 100)
  const whole = await seal(await keys(), plain)
  const ends = [0, 1, RECORD_BYTES - 1, RECORD_BYTES, RECORD_BYTES + 7, 3 * RECORD_BYTES, whole.byteLength]
  for (const from of ends)
    for (const to of ends.filter((end) => end >= from))
      t.ok(
        whole.subarray(from, to).equals(await sealPart(payload, sourceOf(plain), from, to)),
        `${from}-${to}`
      )
  await t.rejects(sealPart(payload, sourceOf(plain), 0, whole.byteLength + 1), { code: 'internal' })
})

t.test('a download goes on from any record', async (t) => {
  const plain = randomBytes(3 * DATA_BYTES + 100)
  const sealed = await seal(await keys(), plain)
  const rest = await open(await keys(), sealed.subarray(2 * RECORD_BYTES), 2)
  t.ok(plain.subarray(2 * DATA_BYTES).equals(rest))
  await t.rejects(open(await keys(), sealed.subarray(2 * RECORD_BYTES), 1), { code: 'encrypted-damaged' })
})

t.test('what was changed, moved, cut off or added is not given out', async (t) => {
  const plain = randomBytes(10 * DATA_BYTES + 100)
  const sealed = await seal(await keys(), plain)
  const record = (index: number): Buffer => sealed.subarray(index * RECORD_BYTES, (index + 1) * RECORD_BYTES)
  const flipped = Buffer.from(sealed)
  flipped[9 * RECORD_BYTES + 17] = (flipped[9 * RECORD_BYTES + 17] ?? 0) ^ 1
  const cases: Array<[what: string, bytes: Buffer, saidBytes: number]> = [
    ['a bit', flipped, 8 * DATA_BYTES],
    [
      'two records in the other order',
      Buffer.concat([record(1), record(0), sealed.subarray(2 * RECORD_BYTES)]),
      0
    ],
    ['a record that is missing', Buffer.concat([record(0), sealed.subarray(2 * RECORD_BYTES)]), 0],
    ['a record twice', Buffer.concat([record(0), record(0), sealed.subarray(RECORD_BYTES)]), 0],
    ['an end that is missing', sealed.subarray(0, 10 * RECORD_BYTES), 10 * DATA_BYTES],
    ['an end that is cut in a record', sealed.subarray(0, sealed.byteLength - 1), 8 * DATA_BYTES],
    ['something behind the end', Buffer.concat([sealed, record(0)]), 8 * DATA_BYTES],
    ['nothing at all', Buffer.alloc(0), 0]
  ]
  for (const [what, bytes, saidBytes] of cases) {
    let said = Buffer.alloc(0)
    const reading = async (): Promise<void> => {
      for await (const piece of openStream((await keys()).payload, inPieces(bytes)))
        said = Buffer.concat([said, piece])
    }
    await t.rejects(reading(), { code: 'encrypted-damaged' }, what)
    t.ok(said.byteLength <= saidBytes, `${what}: nothing of it is given out`)
    t.ok(plain.subarray(0, said.byteLength).equals(said), `${what}: what came before is right`)
  }
  await t.rejects(open(await keys(webCrypto, newLinkSecret(webCrypto)), sealed), {
    code: 'encrypted-damaged'
  })
  await t.rejects(
    openText((await keys()).index, sealed),
    { code: 'encrypted-damaged' },
    'the other stream’s key'
  )
})

t.test('short texts are padded, so that their size says little', async (t) => {
  const { index } = await keys()
  for (const size of [1, 1000, 1007, 1008, DATA_BYTES - 1, DATA_BYTES, 200_000]) {
    const plain = randomBytes(size)
    const sealed = await sealText(index, plain)
    t.equal(sealed.byteLength % 1024, 0)
    t.equal(sealed.byteLength, sealedTextSize(size))
    t.ok(plain.equals(await openText(index, sealed)), `${size} bytes`)
  }
  // zeros at the end are not taken for padding
  t.same(await openText(index, await sealText(index, new Uint8Array(9))), new Uint8Array(9))
})

t.test('a key that is not whole is no key', async (t) => {
  const secret = newLinkSecret(webCrypto)
  t.ok(isLinkSecret(secret))
  t.not(secret, newLinkSecret(webCrypto))
  for (const text of [
    '',
    secret.slice(1),
    `${secret}A`,
    `${secret.slice(0, 42)}+`,
    `${secret.slice(0, 42)}B`
  ]) {
    if (text.endsWith('B') && toBase64Url(fromBase64Url(text) ?? new Uint8Array()) === text) continue
    t.notOk(isLinkSecret(text), text)
    await t.rejects(keys(webCrypto, text), { code: 'key-missing' })
  }
})
