/** What a server answers about the files of a synced folder. */

import { z } from 'zod'
import { isErrorCode, PeerbinError } from '../../errors.ts'
import { printable } from '../http/request.ts'
import type { RemoteFile } from '../../sync/remote.ts'
import type { EntryId } from '../../types.ts'

const hex256 = z.string().regex(/^[0-9a-f]{64}$/)

export const remoteFile = z.looseObject({
  file_id: z.string(),
  path: z.string(),
  version: z.number().int(),
  file_size: z.number().int().nonnegative(),
  status: z.string(),
  sha256: hex256.nullable(),
  changed_at: z.string(),
  media_type: z.string(),
  metadata: z.record(z.string(), z.string())
})
export type RemoteFileAnswer = z.output<typeof remoteFile>

export const remoteList = z.looseObject({ files: z.array(remoteFile), next: z.string().nullable() })

export const eventList = z.looseObject({
  events: z.array(
    z.looseObject({
      type: z.string(),
      data: z.looseObject({
        file_id: z.string().nullish(),
        path: z.string().nullish(),
        version: z.number().nullish(),
        sha256: z.string().nullish()
      })
    })
  ),
  cursor: z.string(),
  more: z.boolean().default(false)
})
export type EventAnswer = z.output<typeof eventList>['events'][number]

export const missingBlocks = z.looseObject({ missing: z.array(hex256) })

const refused = z.looseObject({ code: z.string(), error: z.string().optional() })
const committed = z.looseObject({ file_id: z.string(), version: z.number().int().positive() })
export const commitResults = z.looseObject({ results: z.array(z.union([refused, committed])) })
export type CommitResult = z.output<typeof commitResults>['results'][number]

export const chunkList = z.looseObject({
  chunks: z.array(z.looseObject({ block_id: hex256, size: z.number().int().positive() })),
  next: z.union([z.string(), z.number()]).nullable()
})

/** Undefined: there is no content, or none that could be told apart from another. */
export function remoteFileOf(answer: RemoteFileAnswer, path: string): RemoteFile | undefined {
  if (answer.status === 'upload_failed' || answer.sha256 === null) return undefined
  return {
    id: answer.file_id as EntryId,
    path,
    version: answer.version,
    sizeBytes: answer.file_size,
    sha256: answer.sha256,
    changedAt: Date.parse(answer.changed_at) || 0,
    mediaType: answer.media_type,
    metadata: answer.metadata
  }
}

/** One result of several, as if it had been asked for alone. */
export function refusalOf(result: CommitResult): PeerbinError | undefined {
  if (!('code' in result) || typeof result.code !== 'string') return undefined
  const text = typeof result['error'] === 'string' ? printable(result['error']) : ''
  return new PeerbinError(isErrorCode(result.code) ? result.code : 'bad-request', text)
}
