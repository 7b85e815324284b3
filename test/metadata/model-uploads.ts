import fc from 'fast-check'
import {
  BOOTS,
  CHUNK_BYTES,
  chunk,
  fileId,
  hash,
  passwordOf,
  receipt,
  tokenOf,
  uploadId,
  writerOf
} from '../conformance/metadata-fixture.ts'
import {
  PEERS,
  bootOf,
  chunkName,
  generationOf,
  name,
  operation,
  peerNumber,
  remember
} from './model-world.ts'
import type { Step } from './model-world.ts'

/** Space is taken or not, and short at times. */
const space = fc.option(
  fc.record({
    key: fc.constant('anonymous' as const),
    bytes: fc.constantFrom(0, CHUNK_BYTES, 3 * CHUNK_BYTES),
    bytesMax: fc.constantFrom(undefined, 0, 3 * CHUNK_BYTES, 5 * CHUNK_BYTES)
  }),
  { nil: undefined }
)

/** Some uploads go on later, written by one or the other. */
const plan = fc.constantFrom(undefined, undefined, 'a plan')
const writer = fc.constantFrom(undefined, undefined, writerOf('one'), writerOf('two'))

export const open = operation(
  'open',
  fc.tuple(name, space, plan),
  ([each, space, plan]): Step =>
    ({ now }) =>
    (store) =>
      store.openUpload({
        id: uploadId(each),
        name: each,
        mediaType: 'text/plain',
        metadata: { each },
        space,
        openedAt: now,
        expiresAt: now + 500,
        plan
      })
)

export const reserve = operation(
  'reserve',
  fc.tuple(
    name,
    fc.constantFrom(-1, 0, 0, 1),
    chunkName,
    fc.constantFrom(CHUNK_BYTES, CHUNK_BYTES, CHUNK_BYTES, 7),
    writer
  ),
  ([each, index, of, sizeBytes, writer]): Step =>
    (world) =>
    async (store) => {
      const { now } = world
      const piece = { index, chunk: chunk(of), sizeBytes }
      const request = { upload: uploadId(each), ...piece, expiresAt: now + 500, writer }
      const reservation = await store.reserveChunk(request)
      remember(world, of, reservation.generation)
      return reservation
    }
)

export const receive = operation(
  'receive',
  fc.array(fc.tuple(peerNumber, chunkName, fc.constantFrom(0, 0, 0, 1, 9), bootOf), {
    minLength: 1,
    maxLength: 6
  }),
  (all): Step =>
    (world) => {
      const receipts = all.map(([n, of, back, boot]) =>
        receipt(n, chunk(of), generationOf(world, of, back), boot)
      )
      return (store) => store.recordReceipts(receipts)
    }
)

export const commit = operation(
  'commit',
  fc.record({
    each: name,
    chunkCount: fc.constantFrom(1, 1, 2),
    downloads: fc.integer({ min: 1, max: 2 }),
    ttlMs: fc.constantFrom(100, 5000),
    copiesMin: fc.constantFrom(1, 1, 2),
    boot: bootOf,
    password: fc.constantFrom(undefined, 'right'),
    proof: fc.constantFrom(undefined, 'right'),
    indexBytes: fc.constantFrom(undefined, 3),
    writer,
    file: fc.option(name, { nil: undefined, freq: 10 })
  }),
  ({
    each,
    chunkCount,
    downloads,
    ttlMs,
    copiesMin,
    boot,
    password,
    proof,
    indexBytes,
    writer,
    file
  }): Step =>
    ({ now }) =>
    (store) =>
      store.commitUpload({
        upload: uploadId(each),
        file: fileId(file ?? each),
        sizeBytes: chunkCount * CHUNK_BYTES,
        sha256: hash(each),
        chunkCount,
        uploadedAt: now,
        writer,
        indexBytes,
        encryption: proof && 'aes256gcm-1',
        link: {
          tokenHash: tokenOf(each),
          deleteHash: hash(`delete ${each}`),
          downloads,
          expiresAt: now + ttlMs,
          ...(proof !== undefined && { proofHash: hash(proof) }),
          ...(password !== undefined && { password: passwordOf(password) })
        },
        copiesMin,
        hostsMin: copiesMin,
        boots: BOOTS.map(({ peer }) => ({ peer, boot }))
      })
)

const goingOn = fc.record({
  each: name,
  writer: fc.constantFrom(writerOf('one'), writerOf('two')),
  copiesMin: fc.constantFrom(1, 2),
  boot: bootOf
})
const ruleOf = ({ copiesMin, boot }: { copiesMin: number; boot: number }) => ({
  copiesMin,
  hostsMin: copiesMin,
  boots: BOOTS.map(({ peer }) => ({ peer, boot }))
})

export const resume = operation(
  'resume',
  fc.tuple(goingOn, fc.boolean()),
  ([{ each, writer, ...rule }, held]): Step =>
    () =>
    (store) =>
      store.resumeUpload({ upload: uploadId(each), writer, held, rule: ruleOf(rule) })
)

export const checkpoint = operation(
  'checkpoint',
  fc.tuple(goingOn, fc.nat(2)),
  ([{ each, writer, ...rule }, chunkCount]): Step =>
    ({ now }) =>
    (store) =>
      store.checkpointUpload({
        upload: uploadId(each),
        writer,
        chunkCount,
        checkpoint: `checkpoint ${chunkCount}`,
        expiresAt: now + 700,
        rule: ruleOf(rule)
      })
)

export const abandon = operation(
  'abandon',
  fc.tuple(name, fc.boolean()),
  ([each, isStale]): Step =>
    ({ now }) =>
    (store) =>
      store.abandonUpload(uploadId(each), isStale ? { staleAt: now } : {})
)

/** A greater boot than this does not occur, so that what it gave counts whatever was recorded before. */
const NEWEST = 3

/** A whole upload, so that links and garbage have something to work on. */
export const wholeUpload = (of: fc.Arbitrary<string> = name): fc.Arbitrary<Step[]> =>
  fc
    .tuple(of, chunkName, fc.constantFrom(1, 2), fc.constantFrom(300, 3000))
    .map(([each, content, downloads, ttlMs]) => {
      const pieces: Array<[number, string]> = [
        [-1, 'z'],
        [0, content]
      ]
      return [
        ({ now }) =>
          async (store) => {
            const details = { mediaType: 'a/b', metadata: {}, openedAt: now, expiresAt: now + 500 }
            await store.openUpload({ id: uploadId(each), name: each, ...details })
          },
        ...pieces.map(([index, of]): Step => (world) => async (store) => {
          const sizes = { sizeBytes: CHUNK_BYTES, expiresAt: 0 }
          const request = { upload: uploadId(each), index, chunk: chunk(of), ...sizes }
          const { generation } = await store.reserveChunk(request)
          remember(world, of, generation)
          await store.recordReceipts(PEERS.map((n) => receipt(n, chunk(of), generation, NEWEST)))
          return generation
        }),
        ({ now }) =>
          (store) =>
            store.commitUpload({
              upload: uploadId(each),
              file: fileId(each),
              sizeBytes: CHUNK_BYTES,
              sha256: hash(each),
              chunkCount: 1,
              uploadedAt: now,
              link: {
                tokenHash: tokenOf(each),
                deleteHash: hash(`delete ${each}`),
                downloads,
                expiresAt: now + ttlMs
              },
              copiesMin: 2,
              hostsMin: 2,
              boots: BOOTS.map(({ peer }) => ({ peer, boot: NEWEST }))
            })
      ]
    })
