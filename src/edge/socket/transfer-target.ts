/** What a transfer over a socket writes to: a resumable upload of a user, the same that tus goes on with. */

import type { Ended, ResumableFile } from '../../client/resume/resumable-writer.ts'
import { isForbidden } from '../../client/forbidden-types.ts'
import { PeerbinError, asPeerbinError, hasCode } from '../../errors.ts'
import { isUploadSecret, newUploadSecret, uploadKeys } from '../../protocol/upload-secret.ts'
import type { UploadKeys } from '../../protocol/upload-secret.ts'
import { asking } from '../accounts/actor.ts'
import type { Actor } from '../accounts/actor.ts'
import type { EdgeContext } from '../context.ts'
import { ROLE } from '../routes/receive.ts'
import { describeEntry } from '../tus/entry-metadata.ts'
import { decodePlan, encodePlan } from '../tus/upload-plan.ts'
import type { GivenMetadata, UploadPlan } from '../tus/upload-plan.ts'
import { invalid } from '../user-files/fields.ts'
import { uploadBytesMax } from '../user-files/limits.ts'
import type { StartTransfer } from './messages.ts'

export interface TransferTarget {
  /** The secret that resumes it. */
  readonly secret: string
  readonly file: ResumableFile & { readonly plan: UploadPlan }
  /** Where it is to be; of one that has ended, where it is. */
  readonly path: string
  readonly size: number
  /** Bytes that are kept. */
  readonly offset: number
  /** What it has become already. */
  readonly ended?: Ended | undefined
  /** Nobody else is at it: it is new, or was taken over. */
  readonly isOwn: boolean
}

/** How often a transfer is looked at again whose former writer stored something between the look and the take-over. */
const ATTEMPTS = 5

/** As `Upload-Metadata` would say it: an upload that began here can go on by tus. */
const givenOf = (message: StartTransfer): GivenMetadata => ({
  ...(message.path !== undefined && { path: message.path }),
  ...(message.name !== undefined && { filename: message.name }),
  ...(message.media_type !== undefined && { filetype: message.media_type }),
  ...(message.sha256 !== undefined && { sha256: message.sha256 }),
  ...(message.md5 !== undefined && { md5: message.md5 }),
  ...(message.metadata !== undefined && { metadata: JSON.stringify(message.metadata) }),
  ...(message.expires !== undefined && { expires: String(message.expires) }),
  ...(message.only_new === true && { only_new: 'true' })
})

/** Length of a file that is new. @throws `invalid-field`, `empty-file`, `too-large` */
export function sizeOf(
  context: Pick<EdgeContext, 'config'>,
  actor: Actor,
  { size, path, name }: StartTransfer
): number {
  if (size === undefined) throw invalid('size', 'the length of the file is needed')
  if (path === undefined && name === undefined) throw invalid('path', 'a path or a name is needed')
  if (size === 0) throw new PeerbinError('empty-file')
  if (size > uploadBytesMax(context, actor)) throw new PeerbinError('too-large')
  return size
}

/**
 * Opens an upload, whose space is taken from the user's at once.
 * @throws `invalid-field`, `empty-file`, `too-large`, `type-forbidden`, `quota-exceeded`, and what ResumableWriter.open does
 */
export async function openTarget(
  context: EdgeContext,
  actor: Actor,
  message: StartTransfer,
  signal: AbortSignal
): Promise<TransferTarget> {
  const { config, random, resumable, history } = context
  const size = sizeOf(context, actor, message)
  const { name, mediaType, plan } = describeEntry(givenOf(message), size, actor.user, config.link)
  if (isForbidden(config.edge.forbiddenTypes, { name, mediaType })) throw new PeerbinError('type-forbidden')
  const secret = newUploadSecret(random)
  const file = { keys: uploadKeys(secret), name, mediaType, plan }
  await resumable.open(file, { plan: encodePlan(plan), role: ROLE, signal })
  history.began(file.keys.upload)
  return { secret, file, path: plan.entry?.path ?? name, size, offset: 0, isOwn: true }
}

/** Nobody was told of it, so that nobody could go on with it or give it up. Never rejects. */
export async function forsake({ resumable, logger }: EdgeContext, keys: UploadKeys): Promise<void> {
  try {
    await resumable.abandon(keys)
  } catch (error) {
    const { code } = asPeerbinError(error)
    logger.info('an upload was left to end by itself', { upload: keys.upload, code })
  }
}

/** Whether somebody may go on with an upload, before anything is done about it. @throws as findTarget */
export async function assertResumable(
  context: EdgeContext,
  actor: Actor,
  message: StartTransfer,
  signal: AbortSignal
): Promise<{ secret: string; leftBytes: number }> {
  const secret = message.resume ?? ''
  const { size, offset } = await findTarget(context, actor, secret, signal)
  if (message.size !== undefined && message.size !== size)
    throw invalid('size', 'the transfer was begun with another one')
  return { secret, leftBytes: size - offset }
}

/**
 * An upload to go on with. Whoever wrote it before, over another socket or at another edge, is refused from now on.
 * @throws `upload-unknown`, `upload-gone`, `permission-denied`; what ResumableWriter.takeOver does
 */
export async function takeTarget(
  context: EdgeContext,
  actor: Actor,
  secret: string,
  signal: AbortSignal
): Promise<TransferTarget> {
  for (let attempt = 1; ; attempt++) {
    const target = await findTarget(context, actor, secret, signal)
    // of which everything is there: somebody may be about to end it
    if (target.ended !== undefined || target.offset === target.size) return target
    try {
      const offset = await context.resumable.takeOver(target.file, signal)
      return { ...target, offset, isOwn: true }
    } catch (error) {
      // it ended meanwhile, or another one took it too: the next look says which
      if (attempt === ATTEMPTS || !hasCode(error, 'upload-conflict', 'upload-closed')) throw error
    }
  }
}

async function findTarget(
  context: EdgeContext,
  actor: Actor,
  secret: string,
  signal: AbortSignal
): Promise<TransferTarget> {
  const { controller, resumable } = context
  if (!isUploadSecret(secret)) throw new PeerbinError('upload-unknown')
  const keys = uploadKeys(secret)
  const { found } = await resumable.find(keys, signal)
  if (found === null) throw new PeerbinError('upload-unknown')
  if (found.state === 'abandoned') throw new PeerbinError('upload-gone')
  if (found.state === 'open') {
    const { name, mediaType, sizeBytes: offset } = found
    const plan = decodePlan(found.plan)
    if (plan.entry?.user !== actor.user) throw new PeerbinError('permission-denied')
    const file = { keys, name, mediaType, plan }
    return { secret, file, path: plan.entry.path, size: plan.lengthBytes, offset, isOwn: false }
  }
  if (found.entry === undefined) throw new PeerbinError('permission-denied') // a link, which is nobody's
  try {
    const { entry } = await controller.call('getEntry', { actor: asking(actor), id: found.entry }, { signal })
    if (entry.owner !== actor.user) throw new PeerbinError('permission-denied')
    const ended = await resumable.ended(keys, found, signal)
    if (ended?.stored === undefined) throw new PeerbinError('upload-gone')
    const { sizeBytes: size } = ended.stored
    const plan = { lengthBytes: size, downloads: 1, ttlMs: 1, indexBytes: 0, encryption: null, given: {} }
    const file = { keys, name: entry.path, mediaType: entry.current.mediaType, plan }
    return { secret, file, path: entry.path, size, offset: size, ended, isOwn: false }
  } catch (error) {
    if (hasCode(error, 'file-unknown')) throw new PeerbinError('upload-gone', '', { cause: error })
    throw error
  }
}
