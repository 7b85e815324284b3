/** Commits of blocks as they are asked for, one or many at once. */

import { z } from 'zod'
import type { FastifyRequest } from 'fastify'
import { PeerbinError, asPeerbinError } from '../../errors.ts'
import { blockDigestOf, blockIdOf } from '../../protocol/block-id.ts'
import { historyIdFrom } from '../../protocol/history-id.ts'
import { CHUNK_BYTES_MAX } from '../../protocol/limits.ts'
import * as s from '../../protocol/schema.ts'
import type { Actor } from '../accounts/actor.ts'
import type { EdgeContext } from '../context.ts'
import { cleanMediaType } from '../http/names.ts'
import { EXPIRES_SECONDS_MAX, parseLifeMs, parsePath } from '../user-files/fields.ts'
import { uploadBytesMax } from '../user-files/limits.ts'
import { assertAllowed } from '../user-files/receive-file.ts'
import type { StoredFile } from '../user-files/answers.ts'
import { blockId } from './answers.ts'

export const COMMITS_MAX = 100

export const commitSchema = z.strictObject({
  commit_id: z
    .uuid()
    .transform((text) => text.toLowerCase())
    .describe('of your choice; the same again makes no second version, and answers the same'),
  path: z.string().describe('where it is to be: folders and name'),
  blocks: z
    .array(z.strictObject({ block_id: blockId, size: z.int().min(1).max(CHUNK_BYTES_MAX).describe('bytes') }))
    .describe(
      'in order; each is one you have stored, or is in a file of yours. All but the last have at least 16 KiB'
    ),
  sha256: blockId.describe(
    'SHA-256 of the whole file, hex; your word, unless it is of one block or `verify` is given'
  ),
  verify: z
    .boolean()
    .optional()
    .describe(
      'read the blocks and compare the digest; a virus scanner, where there is one, looks at them anyway'
    ),
  media_type: z.string().optional(),
  metadata: s.metadata.optional().describe('your own pairs; at most 16 KiB'),
  expires_in: z
    .int()
    .min(1)
    .max(EXPIRES_SECONDS_MAX)
    .optional()
    .describe('seconds until the file is deleted; default: never'),
  only_new: z.boolean().optional().describe('where there is a file already, none is stored'),
  base_version: z
    .int()
    .min(0)
    .optional()
    .describe('the version that must count when this one is stored; 0: there must be no file'),
  base_file_id: s.entryId.optional().describe('with base_version: the file it is of')
})

export type Commit = z.output<typeof commitSchema>

export const commitBody = z.union([
  commitSchema,
  z.strictObject({ commits: z.array(commitSchema).min(1).max(COMMITS_MAX) })
])

export type Committed =
  | { readonly stored: StoredFile }
  /** Ids of blocks that are missing, where that is why. */
  | { readonly error: PeerbinError; readonly missing?: readonly string[] }

/** Makes the file, and notes it; answers what failed as well. */
export async function commitOne(
  context: EdgeContext,
  request: FastifyRequest,
  actor: Actor,
  commit: Commit,
  signal: AbortSignal
): Promise<Committed> {
  const { clock, history } = context
  const beganAt = clock.monotonic()
  const outcome = await tryCommit(context, actor, commit, signal).catch((error: unknown) => ({
    error: asPeerbinError(error)
  }))
  const event = {
    request,
    action: 'upload' as const,
    owner: actor.user,
    path: commit.path,
    durationMs: Math.round(clock.monotonic() - beganAt)
  }
  if ('stored' in outcome) {
    const { entry, version, file, sizeBytes: bytes } = outcome.stored
    history.record({ ...event, id: historyIdFrom('upload', file), entry, version, bytes })
  } else history.record({ ...event, error: outcome.error })
  return outcome
}

async function tryCommit(
  context: EdgeContext,
  actor: Actor,
  commit: Commit,
  signal: AbortSignal
): Promise<Committed> {
  const { addresses, blocks: writer } = context
  const path = parsePath(commit.path, 'path')
  const mediaType = cleanMediaType(commit.media_type)
  assertAllowed(context, { path, mediaType })
  const blocks = commit.blocks.map(({ block_id: id, size: sizeBytes }) => ({
    chunk: blockIdOf(id),
    sizeBytes
  }))
  const sizeBytes = blocks.reduce((sum, block) => sum + block.sizeBytes, 0)
  if (sizeBytes > uploadBytesMax(context, actor)) throw new PeerbinError('too-large')
  using _pass = addresses.upload(actor.user, 'user', 0) // its bytes were counted as blocks
  const { expires_in: expiresIn, only_new: onlyNew, base_version: base, base_file_id: baseEntry } = commit
  const outcome = await writer.commit({
    commitId: commit.commit_id,
    entry: {
      user: actor.user,
      path,
      metadata: commit.metadata ?? {},
      ...(expiresIn !== undefined && { ttlMs: parseLifeMs(expiresIn, 'expires_in') }),
      ...(onlyNew !== undefined && { onlyNew }),
      ...(base !== undefined && { base }),
      ...(baseEntry !== undefined && { baseEntry })
    },
    mediaType,
    blocks,
    sha256: commit.sha256,
    verify: commit.verify,
    signal
  })
  if (outcome.kind === 'stored') return { stored: { ...outcome.stored, path } }
  return { error: new PeerbinError('blocks-missing'), missing: outcome.missing.map(blockDigestOf) }
}
