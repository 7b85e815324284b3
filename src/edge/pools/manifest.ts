/** What a batch announces, as it comes: checked file by file, so that what is wrong is told with the file's index, and before anything is opened. */

import { z } from 'zod'
import { isForbidden } from '../../client/forbidden-types.ts'
import { PeerbinError } from '../../errors.ts'
import { POOL_FILE_METADATA_BYTES_MAX, POOL_FILE_NAME_BYTES_MAX } from '../../protocol/limits.ts'
import * as s from '../../protocol/schema.ts'
import type { BatchFile, BatchId } from '../../pools.ts'
import type { Actor } from '../accounts/actor.ts'
import type { EdgeContext } from '../context.ts'
import { parseDigest } from '../http/digests.ts'
import { checkJson } from '../http/json-body.ts'
import { cleanMediaType } from '../http/names.ts'
import { uploadBytesMax } from '../user-files/limits.ts'
import { newBatchId, timeSchema } from './fields.ts'

/** Controls, and halves of characters, which no other program would write the same way. */
// oxlint-disable-next-line no-control-regex -- these are what is looked for
const UNFIT = /[\u0000-\u001f\u007f]/

const fileSchema = z.strictObject({
  name: z
    .string()
    .min(1)
    .refine((text) => text.isWellFormed() && !UNFIT.test(text), 'a name without control characters is needed')
    .pipe(s.textWithin(POOL_FILE_NAME_BYTES_MAX))
    .describe('1 to 255 bytes; together with the timestamp it is one file of its sender'),
  timestamp: timeSchema.describe('decides its window: ISO 8601 with its zone, or ms since 1970'),
  size: z.int().min(0).describe('bytes, at least 1'),
  sha256: z.string().describe('of its bytes: hex or base64'),
  media_type: z.string().optional(),
  metadata: s
    .metadataWithin(POOL_FILE_METADATA_BYTES_MAX)
    .optional()
    .describe('your own pairs; at most 4 KiB')
})

const batch = z.string().describe('UUID of your choice: the same again is the same batch')
const clientTime = timeSchema.describe('your clock, now: ISO 8601 with its zone, or ms since 1970')

/** For descriptions. */
export const manifestSchema = z.strictObject({
  batch,
  client_time: clientTime,
  files: z.array(fileSchema).min(1).describe('at most `pools.batchFilesMax` (10,000)')
})
const head = z.strictObject({ batch, client_time: clientTime, files: z.array(z.unknown()).min(1) })

/** As strings count in `metadata`, whatever they are made of. */
const wellFormed = (metadata: Record<string, string>): boolean =>
  Object.entries(metadata).every(([key, value]) => key.isWellFormed() && value.isWellFormed())

export interface BatchManifest {
  readonly batch: BatchId
  readonly clientTime: number
  readonly files: readonly BatchFile[]
}

const wrong = (index: number, field: string, message: string): PeerbinError => {
  const path = field === '' ? `files.${index}` : `files.${index}.${field}`
  return new PeerbinError('invalid-field', `${path}: ${message}`, { details: { field: path, index } })
}

function fileOf(value: unknown, index: number): BatchFile {
  const parsed = fileSchema.safeParse(value)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    if (issue?.code === 'unrecognized_keys')
      throw wrong(index, String(issue.keys[0]), 'there is no such field')
    throw wrong(index, issue?.path.join('.') ?? '', issue?.message ?? 'it is wrong')
  }
  const { name, timestamp: at, size: sizeBytes, sha256, media_type: mediaType, metadata = {} } = parsed.data
  if (sizeBytes === 0) throw new PeerbinError('empty-file', '', { details: { index, name } })
  if (!wellFormed(metadata)) throw wrong(index, 'metadata', 'whole characters are needed')
  return {
    index,
    name,
    at,
    sizeBytes,
    sha256: digestOf(sha256, index),
    mediaType: cleanMediaType(mediaType),
    metadata
  }
}

function digestOf(text: string, index: number): string {
  try {
    return parseDigest(text, 'sha256', 'sha256')
  } catch {
    throw wrong(index, 'sha256', '32 bytes in hex or base64 are needed')
  }
}

/**
 * @param value parsed JSON
 * @throws `bad-request`, `invalid-field`, `batch-too-large`; with the index of the file: `invalid-field`, `empty-file`, `too-large`, `type-forbidden`, `duplicate-file`
 */
export function parseManifest(
  context: Pick<EdgeContext, 'config'>,
  actor: Pick<Actor, 'role'>,
  value: unknown
): BatchManifest {
  const { pools, edge } = context.config
  const { batch: id, client_time: sentAt, files: given } = checkJson(head, value)
  const most = pools.batchFilesMax
  if (given.length > most)
    throw new PeerbinError(
      'batch-too-large',
      `A batch may have ${most} files, and this one has ${given.length}.`
    )
  const limitBytes = uploadBytesMax(context, actor)
  const names = new Set<string>()
  const files = given.map((each, index) => {
    const file = fileOf(each, index)
    const { name, at, sizeBytes, mediaType } = file
    const details = { index, name }
    if (sizeBytes > limitBytes) throw new PeerbinError('too-large', '', { details })
    if (isForbidden(edge.forbiddenTypes, { name, mediaType }))
      throw new PeerbinError('type-forbidden', '', { details })
    const identity = `${at} ${name}`
    if (names.has(identity)) throw new PeerbinError('duplicate-file', '', { details })
    names.add(identity)
    return file
  })
  return { batch: newBatchId(id, 'batch'), clientTime: sentAt, files }
}
