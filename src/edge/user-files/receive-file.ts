/** Takes in a file of a user by a form. */

import type { FastifyReply } from 'fastify'
import { nameOf } from '../../client/entry-upload.ts'
import { isForbidden } from '../../client/forbidden-types.ts'
import { PeerbinError, hasCode } from '../../errors.ts'
import { abortReason, abortScope } from '../../runtime/deadline.ts'
import { failpoints } from '../../runtime/failpoints.ts'
import type { Actor } from '../accounts/actor.ts'
import type { EdgeContext } from '../context.ts'
import type { UploadPass } from '../limits/address-limits.ts'
import { counted } from '../routes/receive.ts'
import type { StoredFile } from './answers.ts'
import type { FileForm, FileTerms } from './file-form.ts'
import { spaceLeft, uploadBytesMax } from './limits.ts'

export interface Incoming {
  readonly actor: Actor
  readonly form: FileForm
  /** What the form says before the file. */
  readonly terms: FileTerms
  readonly pass: UploadPass
  /** Of the request's body; undefined: not known. */
  readonly bodyBytes: number | undefined
}

/** @throws `type-forbidden`: by the type, and by the name that the file will have */
export function assertAllowed(
  { config }: EdgeContext,
  { path, mediaType }: Pick<FileTerms, 'path' | 'mediaType'>
): void {
  if (isForbidden(config.edge.forbiddenTypes, { name: path, mediaType }))
    throw new PeerbinError('type-forbidden')
}

/**
 * Stores it. While bytes come, the upload ends with its client and with the session; once all have come it goes on without either.
 * @throws what FileWriter.uploadEntry does; `type-forbidden`, `quota-exceeded`
 */
export async function receiveFile(
  context: EdgeContext,
  reply: FastifyReply,
  { actor, form, terms, pass, bodyBytes }: Incoming
): Promise<StoredFile> {
  const { logger, sessions, transfers, writer } = context
  assertAllowed(context, terms)
  const left = bodyBytes === undefined ? await spaceLeft(context, actor) : Infinity
  const limitBytes = Math.min(uploadBytesMax(context, actor), bodyBytes ?? Infinity, left)
  using held = transfers.hold()
  using client = transfers.begin(reply.raw)
  using guard = sessions.guard(actor)
  using stop = abortScope(held.signal)
  const leaving = AbortSignal.any([client.signal, guard.signal])
  const onLeaving = (): void => {
    if (!form.hasEnded) stop.abort(abortReason(leaving))
  }
  if (leaving.aborted) onLeaving()
  else leaving.addEventListener('abort', onLeaving, { once: true })
  const { user } = actor
  let receivedBytes = 0
  try {
    const stored = await writer.uploadEntry({
      name: nameOf(terms.path),
      mediaType: terms.mediaType,
      metadata: terms.metadata,
      source: counted(form.bytes(), {
        received: (bytes) => {
          receivedBytes += bytes
          pass.received(bytes)
          reply.request.noted?.set({ bytes: receivedBytes })
        }
      }),
      limitBytes,
      owner: { user, path: terms.path, ...(terms.onlyNew && { onlyNew: true }) },
      expect: () => form.terms().digests,
      // fields may have followed the file
      content: () => ({ mediaType: form.terms().mediaType }),
      entry: () => {
        const { digests: _digests, mediaType, ...last } = form.terms()
        assertAllowed(context, { path: last.path, mediaType })
        return { user, ...last }
      },
      signal: stop.signal
    })
    if (failpoints.armed) await failpoints.hit('edge.upload.beforeAnswer')
    const { entry, version, sizeBytes, attempts = null } = stored
    reply.request.noted?.set({ entry, version, bytes: sizeBytes, attempts, path: form.terms().path })
    logger.info('a file of a user was stored', { entry, version, sizeBytes })
    return { ...stored, path: form.terms().path }
  } catch (error) {
    // it was the quota that set the limit
    if (hasCode(error, 'too-large') && limitBytes === left)
      throw new PeerbinError('quota-exceeded', '', { cause: error })
    throw error
  } finally {
    leaving.removeEventListener('abort', onLeaving)
  }
}
