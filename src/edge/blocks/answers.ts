/** Blocks, and files made of them, as HTTP tells them. */

import { z } from 'zod'
import type { PeerbinError } from '../../errors.ts'
import { detailOf, problemOf } from '../problem.ts'
import { uploadedSchema } from '../user-files/answers.ts'

const digest = z
  .string()
  .regex(/^[0-9a-f]{64}$/i, 'SHA-256 in hex is needed')
  .transform((text) => text.toLowerCase())

/** As JSON brings it. */
export const blockId = digest.describe('SHA-256 of its bytes, hex')

export const missingSchema = z.object({
  missing: z.array(z.string()).describe('those that you have not stored, or no longer')
})

export const blockSchema = z.object({
  message: z.string(),
  block_id: z.string().describe('SHA-256 of its bytes, hex'),
  size: z.int().describe('bytes')
})

const refusedSchema = z.object({
  code: z.string().describe('a code of docs/errors.md'),
  error: z.string(),
  missing: z.array(z.string()).optional().describe('of blocks-missing: which'),
  version: z.int().optional().describe('of version-conflict: the version that counts; 0: there is no file'),
  field: z.string().optional()
})

export const committedSchema = z.union([
  uploadedSchema,
  z.object({
    results: z
      .array(z.union([uploadedSchema, refusedSchema]))
      .describe('of each of several commits, in their order')
  })
])

/** One of several that failed. @param missing ids of blocks */
export function refusedAnswer(
  error: PeerbinError,
  missing?: readonly string[]
): z.output<typeof refusedSchema> {
  const { code, field, version } = problemOf(error)
  return {
    code,
    error: detailOf(error),
    ...(missing !== undefined && { missing: [...missing] }),
    ...(version !== undefined && { version }),
    ...(field !== undefined && { field })
  }
}
