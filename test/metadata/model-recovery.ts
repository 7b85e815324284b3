import fc from 'fast-check'
import type { Generation, Term } from '../../src/types.ts'
import { CHUNK_BYTES, chunk, fileId, hash, passwordOf, tokenOf } from '../conformance/metadata-fixture.ts'
import { chunkName, generationOf, limit, name, operation, remember } from './model-world.ts'
import type { Step } from './model-world.ts'

export const suspend = operation(
  'suspend',
  fc.tuple(fc.option(fc.array(name, { maxLength: 3 }), { nil: undefined }), limit),
  ([names, most]): Step =>
    () =>
    (store) =>
      store.suspendLinks(names?.map(tokenOf), most)
)

export const resume = operation(
  'resume',
  fc.array(name, { maxLength: 5 }),
  (names): Step =>
    () =>
    (store) =>
      store.resumeLinks(names.map(tokenOf))
)

export const raise = operation(
  'raise',
  fc.tuple(fc.nat(9), fc.nat(3)),
  ([term, generation]): Step =>
    () =>
    (store) =>
      store.raiseCounters({ term: term as Term, generation: generation as Generation })
)

export const setting = operation(
  'setting',
  fc.tuple(name, fc.option(fc.constantFrom('on', 'off'))),
  ([key, value]): Step =>
    () =>
    (store) =>
      store.writeSetting(key, value)
)

export const adopt = operation(
  'adopt',
  fc.record({
    each: name,
    contents: fc.array(fc.tuple(chunkName, fc.constantFrom(0, 0, 1, 2)), { minLength: 1, maxLength: 2 }),
    state: fc.constantFrom('live', 'suspended', 'revoked'),
    ttlMs: fc.constantFrom(300, 5000),
    password: fc.constantFrom(undefined, 'right'),
    proof: fc.constantFrom(undefined, 'right'),
    link: fc.option(name, { nil: undefined, freq: 10 }),
    sizeBytes: fc.constantFrom(CHUNK_BYTES, CHUNK_BYTES, CHUNK_BYTES, CHUNK_BYTES, 7)
  }),
  ({ each, contents, state, ttlMs, password, proof, link = each, sizeBytes }): Step =>
    (world) => {
      const entries = [['z', 0] as const, ...contents].map(([of, back]) => {
        // never beyond what was given out, which stays below what is made up elsewhere
        const generation = Math.min(generationOf(world, of, back), 3 + back) as Generation
        return { of, id: chunk(of), sizeBytes, generation }
      })
      const [manifest, ...chunks] = entries
      const file = {
        id: fileId(each),
        name: each,
        sizeBytes: chunks.length * sizeBytes,
        mediaType: 'a/b',
        sha256: hash(each),
        uploadedAt: world.now,
        metadata: {},
        ...(proof !== undefined && { indexBytes: 3, encryption: 'aes256gcm-1' as const })
      }
      const secrets = {
        tokenHash: tokenOf(link),
        deleteHash: hash(`delete ${link}`),
        ...(password !== undefined && { password: passwordOf(password) }),
        ...(proof !== undefined && { proofHash: hash(proof) })
      }
      return async (store) => {
        if (manifest === undefined) return
        const expiresAt = world.now + ttlMs
        const request = { file, manifest, chunks, link: { ...secrets, downloads: 2, expiresAt, state } }
        const isNew = await store.adoptFile(request)
        for (const { of, id } of entries) {
          const found = await store.findChunk(id)
          if (found !== undefined) remember(world, of, found.generation)
        }
        return isNew
      }
    }
)
