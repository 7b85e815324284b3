/**
 * The manifest of a file: everything that is needed to find and serve the file again when the metadata is lost. It is a chunk like others,
 * put with its copies before a commit is acknowledged. It is encrypted with a key of the cluster, since nodes and thieves of disks need not
 * know names.
 *
 * Bytes: `PBMF`, version (1 byte), salt (32), AES-256-GCM ciphertext of dag-cbor, tag (16). Key and nonce come from the cluster secret and the
 * salt by HKDF-SHA-256 (RFC 5869), so that no nonce is ever used twice with one key. The first five bytes are authenticated too.
 */

import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import * as cbor from '@ipld/dag-cbor'
import { z } from 'zod'
import { PeerbinError } from '../errors.ts'
import type { Random } from '../interfaces.ts'
import type { ChunkId, FileId, SecretHash } from '../types.ts'
import { DIGEST_BYTES, chunkIdFromDigest, digestOf } from './ids.ts'
import { CHUNK_BYTES_MAX, LINK_DOWNLOADS_MAX } from './limits.ts'
import * as s from './schema.ts'

const MAGIC = Buffer.from('PBMF', 'latin1')
const VERSION = 1
const SALT_BYTES = 32
const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const PREFIX_BYTES = MAGIC.byteLength + 1
const HKDF_INFO = 'peerbin/manifest/1'

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
  /** In order; their sizes add up to `sizeBytes`. */
  chunks: ManifestChunk[]
  link: {
    tokenHash: SecretHash
    deleteHash: SecretHash
    downloads: number
    expiresAt: number
  }
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
    chunks: z
      .instanceof(Uint8Array)
      .refine((bytes) => bytes.byteLength % ENTRY_BYTES === 0, 'not a chunk list'),
    link: z.strictObject({
      tokenHash: s.secretHash,
      deleteHash: s.secretHash,
      downloads: z.int().min(1).max(LINK_DOWNLOADS_MAX),
      expiresAt: s.timeMs
    })
  })
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
  const plain = cbor.encode(record)
  const prefix = Buffer.concat([MAGIC, Uint8Array.of(VERSION)])
  const salt = random.bytes(SALT_BYTES)
  const { key, nonce } = deriveKey(secret, salt)
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(prefix)
  const bytes = Buffer.concat([prefix, salt, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
  if (bytes.byteLength > CHUNK_BYTES_MAX) throw new PeerbinError('too-large')
  return bytes
}

/** Whether a chunk may be a manifest, judged by its first bytes; a file can begin with them too, and then does not decode. */
export const looksLikeManifest = (bytes: Uint8Array): boolean =>
  bytes.byteLength > PREFIX_BYTES + SALT_BYTES + TAG_BYTES &&
  MAGIC.equals(bytes.subarray(0, MAGIC.byteLength))

/** @throws `data-incompatible` when it is of another version or another cluster, damaged, or no manifest at all. */
export function decodeManifest(bytes: Uint8Array, secret: Uint8Array): Manifest {
  if (!looksLikeManifest(bytes)) throw new PeerbinError('data-incompatible', 'not a manifest')
  if (bytes[MAGIC.byteLength] !== VERSION) {
    throw new PeerbinError('data-incompatible', 'the manifest was written by another version of peerbin')
  }
  const checked = schema.safeParse(decryptRecord(bytes, secret))
  if (!checked.success) {
    throw new PeerbinError(
      'data-incompatible',
      `a manifest cannot be read: ${z.prettifyError(checked.error)}`
    )
  }
  return checked.data
}

function decryptRecord(bytes: Uint8Array, secret: Uint8Array): unknown {
  const salt = bytes.subarray(PREFIX_BYTES, PREFIX_BYTES + SALT_BYTES)
  const { key, nonce } = deriveKey(secret, salt)
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
    .setAAD(bytes.subarray(0, PREFIX_BYTES))
    .setAuthTag(bytes.subarray(-TAG_BYTES))
  try {
    const encrypted = bytes.subarray(PREFIX_BYTES + SALT_BYTES, -TAG_BYTES)
    return cbor.decode(new Uint8Array(Buffer.concat([decipher.update(encrypted), decipher.final()])))
  } catch (error) {
    // the tag does not match: other key, or other bytes
    throw new PeerbinError('data-incompatible', 'the manifest is damaged or of another cluster', {
      cause: error
    })
  }
}

function deriveKey(secret: Uint8Array, salt: Uint8Array): { key: Uint8Array; nonce: Uint8Array } {
  const derived = new Uint8Array(hkdfSync('sha256', secret, salt, HKDF_INFO, KEY_BYTES + NONCE_BYTES))
  return { key: derived.subarray(0, KEY_BYTES), nonce: derived.subarray(KEY_BYTES) }
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
