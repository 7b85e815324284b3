/**
 * The manifest of a file: everything that is needed to find and serve the file again when the metadata is lost. It is a chunk like others,
 * put with its copies before a commit is acknowledged. It is encrypted with a key of the cluster, since nodes and thieves of disks need not
 * know names.
 *
 * Bytes: dag-cbor, sealed as `PBMF` (sealed.ts).
 */

import * as cbor from '@ipld/dag-cbor'
import { z } from 'zod'
import { PeerbinError } from '../errors.ts'
import type { Random } from '../interfaces.ts'
import type { ChunkId, Encryption, EntryId, FileId, PasswordRecord, SecretHash, UserId } from '../types.ts'
import { DIGEST_BYTES, chunkIdFromDigest, digestOf } from './ids.ts'
import { CHUNK_BYTES_MAX, LINK_DOWNLOADS_MAX } from './limits.ts'
import * as s from './schema.ts'
import { looksSealed, open, seal } from './sealed.ts'
import type { SealFormat } from './sealed.ts'

const FORMAT: SealFormat = {
  magic: 'PBMF',
  version: 1,
  info: 'peerbin/manifest/1',
  what: 'the manifest'
}

/** One chunk in the list: digest and size as u32 big-endian. */
const ENTRY_BYTES = DIGEST_BYTES + 4
/**
 * Chunks of a file at most, about 390 GiB: a manifest must fit one chunk of 4 MiB, and 100,000 entries of 36 bytes leave room for the rest.
 * Less than FILE_CHUNKS_MAX of the wire, so that a later version can split manifests.
 */
export const MANIFEST_CHUNKS_MAX = 100_000

export interface ManifestChunk {
  id: ChunkId
  sizeBytes: number
}

export interface Manifest {
  id: FileId
  name: string
  mediaType: string
  sizeBytes: number
  /** Lower-case hex. */
  sha256: string
  uploadedAt: number
  metadata: Record<string, string>
  /** Where it has one. As for `password`: what would take such a file for a plain one cannot read the manifest. */
  indexBytes?: number | undefined
  /** Where it is. */
  encryption?: Encryption | undefined
  /** In order; their sizes add up to `sizeBytes`. */
  chunks: ManifestChunk[]
  /** At least one of the two: what leads to the file. */
  entry?: ManifestEntry | undefined
  link?: ManifestLink | undefined
}

export interface ManifestLink {
  tokenHash: SecretHash
  deleteHash: SecretHash
  downloads: number
  expiresAt: number
  /**
   * Here too, so that a link that is found by its manifest alone still asks for its password. A program that does not know this field cannot read the manifest, and
   * so makes no link of it.
   */
  password?: PasswordRecord | undefined
  /** Likewise. */
  proofHash?: SecretHash | undefined
}

/** Of a user's file: what was known of it when the manifest was written. */
export interface ManifestEntry {
  id: EntryId
  user: UserId
  path: string
  version: number
  /** Null: never. */
  expiresAt: number | null
}

const schema = z
  .strictObject({
    id: s.fileId,
    name: s.fileName,
    mediaType: s.mediaType,
    sizeBytes: z.int().min(1),
    sha256: s.sha256Hex,
    uploadedAt: s.timeMs,
    metadata: s.metadata,
    indexBytes: s.indexBytes.optional(),
    encryption: s.encryption.optional(),
    chunks: z
      .instanceof(Uint8Array)
      .refine((bytes) => bytes.byteLength % ENTRY_BYTES === 0, 'not a chunk list'),
    entry: z
      .strictObject({
        id: s.entryId,
        user: s.userId,
        path: s.entryPath,
        version: z.int().min(1),
        expiresAt: s.timeMs.nullable()
      })
      .optional(),
    link: z
      .strictObject({
        tokenHash: s.secretHash,
        deleteHash: s.secretHash,
        downloads: z.int().min(1).max(LINK_DOWNLOADS_MAX),
        expiresAt: s.timeMs,
        password: s.passwordRecord.optional(),
        proofHash: s.secretHash.optional()
      })
      .optional()
  })
  .refine(({ link, entry }) => link !== undefined || entry !== undefined, 'nothing that leads to it')
  .refine(({ sizeBytes, indexBytes = 0 }) => indexBytes < sizeBytes, 'an index without a payload')
  .transform((record) => ({ ...record, chunks: unpackChunks(record.chunks) }))
  .refine(
    ({ chunks, sizeBytes }) => chunks.reduce((sum, chunk) => sum + chunk.sizeBytes, 0) === sizeBytes,
    'the chunks do not add up to the size'
  )

/**
 * @param secret the cluster secret.
 * @throws `too-large` when it has more than MANIFEST_CHUNKS_MAX chunks; `internal` when it would not be readable again.
 */
export function encodeManifest(manifest: Manifest, secret: Uint8Array, random: Random): Uint8Array {
  if (manifest.chunks.length > MANIFEST_CHUNKS_MAX) throw new PeerbinError('too-large')
  const record = { ...manifest, chunks: packChunks(manifest.chunks) }
  const checked = schema.safeParse(record)
  if (!checked.success) throw new PeerbinError('internal', z.prettifyError(checked.error))
  const bytes = seal(cbor.encode(record), secret, FORMAT, random)
  if (bytes.byteLength > CHUNK_BYTES_MAX) throw new PeerbinError('too-large')
  return bytes
}

/** Whether a chunk may be a manifest, judged by its first bytes; a file can begin with them too, and then does not decode. */
export const looksLikeManifest = (bytes: Uint8Array): boolean => looksSealed(bytes, FORMAT)

/** @throws `data-incompatible` when it is of another version or another cluster, damaged, or no manifest at all. */
export function decodeManifest(bytes: Uint8Array, secret: Uint8Array): Manifest {
  const checked = schema.safeParse(decodeRecord(open(bytes, secret, FORMAT)))
  if (!checked.success) {
    throw new PeerbinError(
      'data-incompatible',
      `a manifest cannot be read: ${z.prettifyError(checked.error)}`
    )
  }
  return checked.data
}

function decodeRecord(plain: Uint8Array): unknown {
  try {
    return cbor.decode(plain)
  } catch (error) {
    throw new PeerbinError('data-incompatible', 'a manifest cannot be read', { cause: error })
  }
}

function packChunks(chunks: readonly ManifestChunk[]): Uint8Array {
  const packed = new Uint8Array(chunks.length * ENTRY_BYTES)
  const view = new DataView(packed.buffer)
  for (const [index, chunk] of chunks.entries()) {
    packed.set(digestOf(chunk.id), index * ENTRY_BYTES)
    view.setUint32(index * ENTRY_BYTES + DIGEST_BYTES, chunk.sizeBytes)
  }
  return packed
}

function unpackChunks(packed: Uint8Array): ManifestChunk[] {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength)
  return Array.from({ length: packed.byteLength / ENTRY_BYTES }, (_, index) => {
    const start = index * ENTRY_BYTES
    return {
      id: chunkIdFromDigest(packed.subarray(start, start + DIGEST_BYTES)),
      sizeBytes: view.getUint32(start + DIGEST_BYTES)
    }
  })
}
