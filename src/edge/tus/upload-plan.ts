/** What an edge writes down with an upload that goes on later, for whichever edge ends it. Old versions stay readable for as long as uploads live. */

import { z } from 'zod'
import type { ResumePlan } from '../../client/resume/resumable-writer.ts'
import { PeerbinError } from '../../errors.ts'
import { UPLOAD_PLAN_BYTES_MAX } from '../../protocol/limits.ts'
import * as s from '../../protocol/schema.ts'
import type { UserId } from '../../types.ts'

/** Metadata as the sender gave it, the password left out: HEAD repeats it (tus 1.0, creation). */
export type GivenMetadata = Record<string, string | null>

export interface UploadPlan extends ResumePlan {
  given: GivenMetadata
  /** Who may go on with it, where that is not whose it will be: a file of a batch is the pool's. */
  sender?: UserId | undefined
}

/** Strict: a field that is not known would be lost with the file. */
const record = z.strictObject({
  v: z.literal(1),
  lengthBytes: z.int().min(1),
  downloads: z.int().min(1),
  ttlMs: z.int().min(1),
  password: s.passwordRecord.optional(),
  md5: z.string().optional(),
  sha256: s.sha256Hex.optional(),
  indexBytes: s.count,
  encryption: s.encryption.nullable(),
  proofHash: s.secretHash.optional(),
  given: z.record(z.string(), z.string().nullable()),
  sender: s.userId.optional(),
  entry: z
    .strictObject({
      user: s.userId,
      path: s.entryPath,
      ttlMs: z.int().min(1).nullable().optional(),
      expiresAt: s.timeMs.optional(),
      onlyNew: z.boolean().optional(),
      base: s.count.optional(),
      baseEntry: s.entryId.optional(),
      metadata: s.metadata.optional()
    })
    .optional()
})

/** @throws `invalid-field` when what its sender said of it is too long to be kept */
export function encodePlan(plan: UploadPlan): string {
  const text = JSON.stringify({ v: 1, ...plan })
  if (Buffer.byteLength(text) <= UPLOAD_PLAN_BYTES_MAX) return text
  throw new PeerbinError('invalid-field', 'Upload-Metadata: too much is said of the file', {
    details: { field: 'Upload-Metadata' }
  })
}

/** @throws `data-incompatible` for one of another version */
export function decodePlan(text: string): UploadPlan {
  try {
    const { v: _v, ...plan } = record.parse(JSON.parse(text))
    return plan
  } catch (error) {
    throw new PeerbinError('data-incompatible', 'an upload was opened by another version', { cause: error })
  }
}
