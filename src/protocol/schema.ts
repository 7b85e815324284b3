/** Building blocks of the messages: what every id, count and text on the wire must look like. */

import { z } from 'zod'
import { PATH_BYTES_MAX, isCleanPath } from '../bundle/paths.ts'
import { parseChunkId } from './ids.ts'
import {
  CHUNK_BYTES_MAX,
  CLAIM_RANGES_MAX,
  INDEX_BYTES_MAX,
  MEDIA_TYPE_BYTES_MAX,
  METADATA_BYTES_MAX,
  NAME_BYTES_MAX,
  PASSWORD_LANES_MAX,
  PASSWORD_MEMORY_KIB_MAX,
  PASSWORD_PASSES_MAX,
  SESSION_NAME_LENGTH_MAX,
  UPLOAD_CHECKPOINT_BYTES_MAX,
  UPLOAD_PLAN_BYTES_MAX
} from './limits.ts'
import { ACCOUNT_ROLES, ENCRYPTIONS, NODE_STATES, ROLES, SCOPES, TIERS, USER_ROLES } from '../types.ts'
import { isUserName } from './user-names.ts'
import type {
  Address,
  ChunkId,
  EntryId,
  EventId,
  EventStream,
  FileId,
  Generation,
  HistoryId,
  InviteId,
  PeerId,
  SecretHash,
  SessionId,
  Term,
  UploadId,
  UploadWriter,
  UserId
} from '../types.ts'

const utf8Bytes = (text: string): number => Buffer.byteLength(text, 'utf8')

/** A schema that checks a plain value and says by its type what the value is from then on. */
const branded = <T extends string | number>(schema: z.ZodType<string> | z.ZodType<number>): z.ZodType<T, T> =>
  schema as unknown as z.ZodType<T, T>

function isChunkId(value: unknown): value is ChunkId {
  if (typeof value !== 'string' || value.length !== CHUNK_ID_LENGTH) return false
  try {
    return parseChunkId(value) === value
  } catch {
    return false // parseChunkId throws for exactly this: text that is no id
  }
}

const CHUNK_ID_LENGTH = 59

export const count = z.int().min(0)
export const timeMs = z.int().min(0)
export const chunkId = z.custom<ChunkId>(isChunkId, 'not a chunk id')
export const peerId = branded<PeerId>(z.string().regex(/^[1-9A-HJ-NP-Za-km-z]{46,64}$/, 'not a peer id'))
const uuid = z
  .string()
  .regex(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/, 'not a UUID')
export const fileId = branded<FileId>(uuid)
export const uploadId = branded<UploadId>(uuid)
export const uploadWriter = branded<UploadWriter>(uuid)
export const userId = branded<UserId>(uuid)
export const sessionId = branded<SessionId>(uuid)
export const inviteId = branded<InviteId>(uuid)
export const entryId = branded<EntryId>(uuid)
export const historyId = branded<HistoryId>(uuid)
export const eventId = branded<EventId>(uuid)
export const eventStream = branded<EventStream>(z.string().regex(/^[a-z]+:[!-~]{1,80}$/, 'not a stream'))
export const eventsEpoch = z.string().regex(/^[a-z0-9]{4,16}$/, 'not an epoch')
const opaque = (limitBytes: number) =>
  z
    .string()
    .min(1)
    .refine((text) => utf8Bytes(text) <= limitBytes, `over ${limitBytes} bytes`)
export const uploadPlan = opaque(UPLOAD_PLAN_BYTES_MAX)
export const uploadCheckpoint = opaque(UPLOAD_CHECKPOINT_BYTES_MAX)
export const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/, 'not a SHA-256 in hex')
export const secretHash = branded<SecretHash>(sha256Hex)
export const address = branded<Address>(z.string().min(1).max(512))
export const generation = branded<Generation>(count)
export const term = branded<Term>(count)
export const host = z.string().max(255)
export const zone = z.string().max(255)
export const chunkSize = z.int().min(1).max(CHUNK_BYTES_MAX)
export const fileName = z
  .string()
  .min(1)
  .refine((text) => utf8Bytes(text) <= NAME_BYTES_MAX, 'name too long')
/** Path of a user's file, or of a folder. */
export const entryPath = z.string().max(PATH_BYTES_MAX).refine(isCleanPath, 'not a path')
/** Of a file that has an index; whatever holds it sees to it that a payload is left. */
export const indexBytes = z.int().min(1).max(INDEX_BYTES_MAX)
export const mediaType = z.string().min(1).max(MEDIA_TYPE_BYTES_MAX)
export const metadataWithin = (limitBytes: number) =>
  z
    .record(z.string().min(1).max(255), z.string())
    .refine(
      (pairs) =>
        Object.entries(pairs).reduce((sum, [k, v]) => sum + utf8Bytes(k) + utf8Bytes(v), 0) <= limitBytes,
      'metadata too large'
    )
export const metadata = metadataWithin(METADATA_BYTES_MAX)
export const textWithin = (limitBytes: number) =>
  z.string().refine((text) => utf8Bytes(text) <= limitBytes, `over ${limitBytes} bytes`)
export const encryption = z.enum(ENCRYPTIONS)
export const role = z.enum(ROLES)
export const userRole = z.enum(USER_ROLES)
export const accountRole = z.enum(ACCOUNT_ROLES)
export const scopes = z.array(z.enum(SCOPES)).max(SCOPES.length)
export const userName = z.string().refine(isUserName, 'not a user name')
export const sessionName = z.string().max(SESSION_NAME_LENGTH_MAX)
export const nodeState = z.enum(NODE_STATES)
export const tier = z.enum(TIERS)
export const addresses = z.array(address).max(16)

/** What is needed to compute the tag for a password; without what it is compared with. */
export const passwordChallenge = z.object({
  v: z.literal(1),
  memoryKiB: z.int().min(8).max(PASSWORD_MEMORY_KIB_MAX),
  passes: z.int().min(1).max(PASSWORD_PASSES_MAX),
  parallelism: z.int().min(1).max(PASSWORD_LANES_MAX),
  salt: z.string().regex(/^[0-9a-f]{32}$/, 'not 16 bytes in hex')
})
/** Strict: a field that is not known could change what the others mean. */
export const passwordRecord = z.strictObject({ ...passwordChallenge.shape, hash: secretHash })

export const byteRange = z
  .object({ start: count, end: count })
  .refine((range) => range.end > range.start, 'a range ends after it starts')
export const byteRanges = z.array(byteRange).max(CLAIM_RANGES_MAX)
