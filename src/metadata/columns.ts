/** Between values of the program and values of columns. Records that are encoded carry a version `v`; old ones stay readable for ever. */

import { createHash } from 'node:crypto'
import { z } from 'zod'
import { PeerbinError } from '../errors.ts'
import { chunkIdFromDigest, digestOf } from '../protocol/ids.ts'
import { passwordRecord } from '../protocol/schema.ts'
import type { EventData } from '../events.ts'
import type { NodeRecord, SpaceKey } from '../metadata-store.ts'
import type { BatchId, GroupId, JoinKeyId, PoolId } from '../pools.ts'
import { ENCRYPTIONS, NODE_STATES, TIERS } from '../types.ts'
import type {
  Address,
  ChunkId,
  Encryption,
  EntryId,
  EventId,
  FileId,
  InviteId,
  HistoryId,
  PasswordRecord,
  PeerId,
  SecretHash,
  SessionId,
  UploadId,
  UserId
} from '../types.ts'
import type { CourierId, WebhookId } from '../webhooks.ts'
import type { StoredClaim } from './claim-rules.ts'

// ---------------------------------------------------------------- bytes

const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')

export const chunkBytes = (id: ChunkId): Uint8Array => digestOf(id)
export const chunkOf = (digest: Uint8Array): ChunkId => chunkIdFromDigest(digest)

/** 64 characters of hex are 32 bytes. */
export const hashBytes = (hash: string): Uint8Array => exactly(32, Buffer.from(hash, 'hex'))
export const hashOf = (bytes: Uint8Array): SecretHash => hex(bytes) as SecretHash
export const hexOf = hex

export const uuidBytes = (
  id:
    | FileId
    | UploadId
    | UserId
    | SessionId
    | InviteId
    | EntryId
    | HistoryId
    | EventId
    | WebhookId
    | CourierId
    | PoolId
    | BatchId
    | GroupId
    | JoinKeyId
): Uint8Array => exactly(16, Buffer.from(id.replaceAll('-', ''), 'hex'))

/** Half an id would be another id, and could meet a third. */
function exactly(length: number, bytes: Uint8Array): Uint8Array {
  if (bytes.byteLength !== length) throw new PeerbinError('bad-request', 'an id or hash has the wrong form')
  return bytes
}

export function uuidOf(bytes: Uint8Array): string {
  const text = hex(bytes)
  return [8, 12, 16, 20, 32].map((end, i) => text.slice([0, 8, 12, 16, 20][i], end)).join('-')
}
export const fileOf = (bytes: Uint8Array): FileId => uuidOf(bytes) as FileId
export const userOf = (bytes: Uint8Array): UserId => uuidOf(bytes) as UserId
export const sessionOf = (bytes: Uint8Array): SessionId => uuidOf(bytes) as SessionId
export const inviteOf = (bytes: Uint8Array): InviteId => uuidOf(bytes) as InviteId
export const entryOf = (bytes: Uint8Array): EntryId => uuidOf(bytes) as EntryId
export const uploadOf = (bytes: Uint8Array): UploadId => uuidOf(bytes) as UploadId

/** Of 48 bits, which a number holds. */
const MARK_BYTES = 6

/**
 * By what it is found whether a chunk is in the content of a space: an index over both, in eight bytes a piece. Two that have the same are told apart by the digest and the space of
 * the file.
 */
export const markOf = (space: SpaceKey, digest: Uint8Array): number =>
  createHash('sha256').update(space).update(digest).digest().readUIntBE(0, MARK_BYTES)

/** Null: nobody refers to such a piece by its digest. */
export const pieceMark = (space: SpaceKey, index: number, digest: Uint8Array): number | null =>
  space === 'anonymous' || index < 0 ? null : markOf(space, digest)

// ---------------------------------------------------------------- records

export function decode<T>(schema: z.ZodType<T>, text: string): T {
  try {
    return schema.parse(JSON.parse(text))
  } catch (error) {
    throw new PeerbinError('data-incompatible', 'a stored record cannot be read', { cause: error })
  }
}

const eventData = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
/** What an event tells: flat JSON. Fields may come and go with its type, so that it carries no version. */
export const encodeEventData = (data: EventData): string => JSON.stringify(data)
export const decodeEventData = (text: string): EventData => decode(eventData, text)

const pairs = z.record(z.string(), z.string())

const openedRecord = z.object({
  v: z.literal(1),
  name: z.string(),
  type: z.string(),
  metadata: pairs,
  /** Of a user's file. */
  owner: z.object({ user: z.string(), path: z.string() }).optional()
})
export interface Opened {
  name: string
  mediaType: string
  metadata: Record<string, string>
  owner?: { user: UserId; path: string } | undefined
}
export const encodeOpened = ({ name, mediaType, metadata, owner }: Opened): string =>
  JSON.stringify({ v: 1, name, type: mediaType, metadata, owner })
export function decodeOpened(text: string): Opened {
  const { name, type, metadata, owner } = decode(openedRecord, text)
  return {
    name,
    mediaType: type,
    metadata,
    owner: owner && { user: owner.user as UserId, path: owner.path }
  }
}

const committedRecord = z.object({ v: z.literal(1), path: z.string() })
/** Of a file from blocks, once it is committed: where to, for whoever asks again. */
export const encodeCommitted = (path: string): string => JSON.stringify({ v: 1, path })
export const decodeCommitted = (text: string): string => decode(committedRecord, text).path

const metadataRecord = z.object({ v: z.literal(1), pairs })
export const encodeMetadata = (metadata: Record<string, string>): string =>
  JSON.stringify({ v: 1, pairs: metadata })
export const decodeMetadata = (text: string): Record<string, string> => decode(metadataRecord, text).pairs

const failureRecord = z.object({ v: z.literal(1), code: z.string(), type: z.string() })
interface Failure {
  code: string
  mediaType: string
}
export const encodeFailure = ({ code, mediaType }: Failure): string =>
  JSON.stringify({ v: 1, code, type: mediaType })
export function decodeFailure(text: string): Failure {
  const { code, type } = decode(failureRecord, text)
  return { code, mediaType: type }
}

const progressRecord = z.object({
  v: z.literal(1),
  covered: z.array(z.tuple([z.number(), z.number()])),
  reports: z.array(z.string())
})
type Progress = Pick<StoredClaim, 'covered' | 'reports'>
export const encodeProgress = ({ covered, reports }: Progress): string =>
  JSON.stringify({ v: 1, covered: covered.map(({ start, end }) => [start, end]), reports })
export function decodeProgress(text: string): Progress {
  const { covered, reports } = decode(progressRecord, text)
  return { covered: covered.map(([start, end]) => ({ start, end })), reports }
}

/** The same text for the same record: a slot is taken of a link that has exactly the record that was looked at. */
export const encodePassword = ({ v, memoryKiB, passes, parallelism, salt, hash }: PasswordRecord): string =>
  JSON.stringify({ v, memoryKiB, passes, parallelism, salt, hash })
/** @throws `data-incompatible` for a version that is not known: nobody gets in, rather than everybody. */
export const decodePassword = (text: string): PasswordRecord => decode(passwordRecord, text)

/** @throws `data-incompatible` for one that is not known: ciphertext is never handed out as a file. */
export function encryptionOf(text: string | null): Encryption | null {
  const known = ENCRYPTIONS.find((each) => each === text)
  if (text !== null && known === undefined)
    throw new PeerbinError('data-incompatible', 'a file is encrypted in a way that is not known')
  return known ?? null
}

const nodeRecord = z.object({
  v: z.literal(1),
  addresses: z.array(z.string()),
  host: z.string(),
  zone: z.string(),
  tier: z.enum(TIERS),
  capacityBytes: z.number(),
  freeBytes: z.number(),
  usedBytes: z.number(),
  chunks: z.number(),
  state: z.enum(NODE_STATES),
  version: z.string(),
  lastSeenAt: z.number()
})
export function encodeNode(node: NodeRecord): string {
  const { peer: _peer, boot: _boot, sequence: _sequence, ...rest } = node
  return JSON.stringify({ v: 1, ...rest })
}
export function decodeNode(row: {
  peer: string
  boot: number
  sequence: number
  record: string
}): NodeRecord {
  const { v: _v, addresses, ...rest } = decode(nodeRecord, row.record)
  const { peer, boot, sequence } = row
  return { ...rest, peer: peer as PeerId, addresses: addresses as Address[], boot, sequence }
}
