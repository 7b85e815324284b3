import * as cbor from '@ipld/dag-cbor'
import t from 'tap'
import { chunkIdOf } from '../../src/protocol/ids.ts'
import { CHUNK_BYTES_MAX } from '../../src/protocol/limits.ts'
import {
  MANIFEST_CHUNKS_MAX,
  decodeManifest,
  encodeManifest,
  looksLikeManifest
} from '../../src/protocol/manifest.ts'
import type { Manifest, ManifestLink } from '../../src/protocol/manifest.ts'
import type { FileId, SecretHash } from '../../src/types.ts'
import { seal } from '../../src/protocol/sealed.ts'
import { seededRandom } from '../kit/seeded-random.ts'

const secret = Uint8Array.from({ length: 32 }, (_, index) => index)
const manifest: Manifest & { link: ManifestLink } = {
  id: '0190a1b2-c3d4-4e5f-8a6b-7c8d9e0f1a2b' as FileId,
  name: 'Übersicht 📎.pdf',
  mediaType: 'application/pdf',
  sizeBytes: CHUNK_BYTES_MAX + 5,
  sha256: 'ab'.repeat(32),
  uploadedAt: 1_795_000_000_000,
  metadata: { project: 'apollo' },
  chunks: [
    { id: chunkIdOf(Buffer.from('one')), sizeBytes: CHUNK_BYTES_MAX },
    { id: chunkIdOf(Buffer.from('two')), sizeBytes: 5 }
  ],
  link: {
    tokenHash: 'cd'.repeat(32) as SecretHash,
    deleteHash: 'ef'.repeat(32) as SecretHash,
    downloads: 3,
    expiresAt: 1_795_100_000_000
  }
}
/** Written by version 1. Never change it: manifests on disks look like this. */
const GOLDEN =
  'UEJNRgHzyev9KzDwXHBxCi69IuCyyhaBDAtBk2OdmoT+NLxcppqX5Vv/uhnsbFNJbeqa/Y06a83tH+rfwmWDkRfH1QE+Xymq5SeLFTkybpU8d78/W/IdxAZoE7NCDuImH1TwW9FXugYNMCHRpCUTYJXaQpFL+gSY1KBxBKRLo2HKaaZ0QyVIzPHejwE7hjg63hPDp3E5aNnphtKDU7EdAhN0Q23WWa8n7f2bWnEnhWkX8OMCodMfgPaLrrQC5iMhsk9z3IYCm1CfobFXBE3HCEzyZ28fIZ4G6CgJiuPF/7ZLNM/lqjon5D0xfydWCGlULt4qLx0geLNx++QXnZ8ptFbvkWxkICyszwSffusCXHuOxl1ySVFZyHN8nYXxPIApNBSVx/Yq3o0oT+qdqXIlzjTID0JvOqZPFrjUGUKuX0UC+U9dl7u4yXzK8TUIjcWUO0Ynna5vWs8SepGdkPdUsWg9J8ZvgNG1jhF+GVzywkZEw+urPxZoOPosmxXZcL+yX3EqDFN9dvwgZ6l7jkYxfexsg+RrMKCw3vmWAmcyAlZ4EZu9c6DjP6PeWrThm+8CFLthHA27RlTGvX+pda5mFlDjjUmHcX7bZKg9NwNmaBEpDiWHAi/qvkMjRnN/LTfkYJ+gMW8Zsl/lkXhjf4Hi+PXKK40dZf6AkfGpUd2TaPsWK2zKZUieSYs9mxnXc/4XQTYBH1LGlhhR9vzX0DfFnO2Qpa6W'

t.test('old bytes can be read, and the same bytes are written', async (t) => {
  t.same(decodeManifest(Buffer.from(GOLDEN, 'base64'), secret), manifest)
  t.equal(Buffer.from(encodeManifest(manifest, secret, seededRandom(1))).toString('base64'), GOLDEN)
})

const password = {
  v: 1 as const,
  memoryKiB: 19_456,
  passes: 2,
  parallelism: 1,
  salt: '5a'.repeat(16),
  hash: '78'.repeat(32) as SecretHash
}
const guarded: Manifest = { ...manifest, link: { ...manifest.link, password } }
/** Written by the first program that knew passwords. Never change it either. */
const GOLDEN_PASSWORD =
  'UEJNRgHzyev9KzDwXHBxCi69IuCyyhaBDAtBk2OdmoT+NLxcppqX5Vv/uhnsbFNJbeqa/Y06a83tH+rfwmWDkRfH1QE+Xymq5SeLFTkybpU8d78/WvMJygJ1CLNRDjdEADDsQ9lWtw0McwLmnBOKo+HSes8HolfKgt8oQPQE2zWWPfogH3EUmK2K01Vn0mRugkef8y1tNI210o7XD+VBVk8gHzmKDfNzsfqMWHkwmSpG8rIA8NFOgqeJ/7ZT5HIq40sq2McG5lDZqPx2VEqXD0/kY3oJIohi5CMJgenR45tHELPPzzcy4yo2di1WAmVBJrkmLRcxc7l7/OUC+5ApqkPghm9yBz3RqmL7uXsgAhaCwfGFTlpj2ml3jbGyqHze2V6Gx/Mo3oE+ReKKkl4wOJQBWWa33vkpfuZZG+xCuzNTqcY1mq6YbbJ5raVaBKawWCJ7PQH1TfMB/DIgZeLC0v0sLgPjJ6UMGafLCopMQqbAVY3OWXZoLvQoz0WJbZm2W3UuCFd5cvgkY61/ikI1eehoh+BvNKS02v2SBmM2BlJ8FZ+5d6TnO6fbVrTun/6g6rhmDxyzR13Q/O1XhEEqDlngn0uLZWTRtpcFM/7PoEcd08TLb0i8P0yDq5AEfld3HJS+E9/ECQlyweEKUO/Nt1VgvIosb3kCMRq90chjTZeerM2myPAs/pjpAYtJkQ0W4NhSJyEl3d8Aq8CVkhMwWC+INU9sGa58dldEfm35cgmJlgVjxjcl80BZYo4PJn4P/42/KX99Xd+QkikJgjB5d5Zyh+Spq/ilQqn3uvyB1RXnXa3lXPE9mIJf3/oArqQHjmyO5X0rYQz15g4AGyh3l1/eM9GK670qx/sXm0S54suLSdLjYcj6pMsd3uMuvcJLcHD2OO8sNi2S5Dn63L4JYhW4bHNXX8eo9XkK4WIP14KLKw=='

t.test('a password is kept in it, and one of a later kind makes no link without', async (t) => {
  t.same(decodeManifest(Buffer.from(GOLDEN_PASSWORD, 'base64'), secret), guarded)
  t.equal(Buffer.from(encodeManifest(guarded, secret, seededRandom(1))).toString('base64'), GOLDEN_PASSWORD)
  for (const other of [
    { ...password, v: 2 },
    { ...password, pepper: 'x' },
    { ...password, salt: '5a' }
  ]) {
    const link = { ...manifest.link, password: other as typeof password }
    const format = { magic: 'PBMF', version: 1, info: 'peerbin/manifest/1', what: 'the manifest' }
    const record = { ...manifest, chunks: new Uint8Array(0), sizeBytes: 0, link }
    const bytes = seal(cbor.encode(record), secret, format, seededRandom(1))
    t.throws(() => decodeManifest(bytes, secret), { code: 'data-incompatible', message: /password/ })
  }
})

const bundle: Manifest = { ...manifest, indexBytes: 3, encryption: 'aes256gcm-1' }

t.test(
  'an index, an encryption and a proof are kept in it; of a kind that is not known they make no plain file',
  async (t) => {
    const full: Manifest = { ...bundle, link: { ...manifest.link, proofHash: '9a'.repeat(32) as SecretHash } }
    t.same(decodeManifest(encodeManifest(full, secret, seededRandom(1)), secret), full)
    const format = { magic: 'PBMF', version: 1, info: 'peerbin/manifest/1', what: 'the manifest' }
    for (const other of [
      { indexBytes: manifest.sizeBytes },
      { indexBytes: -1 },
      { encryption: 'rot13' },
      { later: 1 }
    ]) {
      t.throws(() => encodeManifest({ ...manifest, ...(other as object) }, secret, seededRandom(1)))
      const record = { ...manifest, ...other, chunks: new Uint8Array(0), sizeBytes: 0 }
      t.throws(() => decodeManifest(seal(cbor.encode(record), secret, format, seededRandom(1)), secret), {
        code: 'data-incompatible'
      })
    }
    t.notOk(
      Buffer.from(cbor.encode(manifest)).includes('indexBytes'),
      'nothing is said where there is nothing'
    )
  }
)

t.test('nothing of it can be read without the secret, or changed with nobody noticing', async (t) => {
  const bytes = encodeManifest(manifest, secret, seededRandom(1))
  t.notOk(Buffer.from(bytes).includes('apollo'))
  t.throws(() => decodeManifest(bytes, new Uint8Array(32)), { code: 'data-incompatible' })
  for (let at = 0; at < bytes.length; at += 7) {
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] ?? 0) ^ 1
    t.throws(() => decodeManifest(changed, secret), { code: 'data-incompatible' })
  }
  t.throws(() => decodeManifest(bytes.subarray(0, -1), secret), { code: 'data-incompatible' })
})

t.test('what is no manifest is refused', async (t) => {
  for (const bytes of [
    new Uint8Array(0),
    Buffer.from('PBMF'),
    Buffer.alloc(200),
    Buffer.from('PBMF'.repeat(50))
  ]) {
    t.throws(() => decodeManifest(bytes, secret), { code: 'data-incompatible' })
  }
  t.ok(looksLikeManifest(Buffer.from(GOLDEN, 'base64')))
  t.notOk(looksLikeManifest(Buffer.from('PBMF')))
})

t.test('the same file gives other bytes each time', async (t) => {
  const random = seededRandom(1)
  t.notSame(encodeManifest(manifest, secret, random), encodeManifest(manifest, secret, random))
})

t.test(
  'a manifest with the most chunks and the longest texts fits a chunk; one more is too large',
  async (t) => {
    const id = chunkIdOf(Buffer.from('x'))
    const chunks = Array.from({ length: MANIFEST_CHUNKS_MAX }, () => ({ id, sizeBytes: CHUNK_BYTES_MAX }))
    const longest = {
      ...manifest,
      name: 'n'.repeat(255),
      mediaType: 'm'.repeat(255),
      metadata: { key: 'v'.repeat(16 * 1024 - 3) },
      sizeBytes: MANIFEST_CHUNKS_MAX * CHUNK_BYTES_MAX,
      chunks
    }
    const bytes = encodeManifest(longest, secret, seededRandom(1))
    t.ok(bytes.byteLength <= CHUNK_BYTES_MAX)
    t.equal(decodeManifest(bytes, secret).chunks.length, MANIFEST_CHUNKS_MAX)
    const more = { ...longest, chunks: [...chunks, { id, sizeBytes: 1 }], sizeBytes: longest.sizeBytes + 1 }
    t.throws(() => encodeManifest(more, secret, seededRandom(1)), { code: 'too-large' })
  }
)

t.test('a manifest that contradicts itself is not written', async (t) => {
  const wrong = { ...manifest, sizeBytes: 7 }
  t.throws(() => encodeManifest(wrong, secret, seededRandom(1)), { code: 'internal' })
})
