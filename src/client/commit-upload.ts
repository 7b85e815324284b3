/** The last step of an upload. */

import type { Config } from '../config.ts'
import { hasCode, PeerbinError } from '../errors.ts'
import type { Clock, Logger } from '../interfaces.ts'
import type { ControlMessages, RequestOf, ResponseOf } from '../protocol/messages.ts'
import type { CommittedFile } from '../metadata-store.ts'
import { sleep } from '../runtime/deadline.ts'
import type { ControllerClient } from './controller-client.ts'

/** Pause before a commit is repeated, where the controller says nothing of it. */
const RETRY_MS = 500

export interface CommitUploadDeps {
  controller: ControllerClient
  clock: Clock
  config: Config
  logger: Logger
}

/**
 * Commits, and repeats it while copies are missing, for `controller.commitWaitMs` at most. Every chunk was durable on enough nodes when it was written, but one of
 * them may have stopped or started again since: the controller asks it, or has another copy made, and the same commit succeeds a moment later.
 *
 * A controller of an earlier version passes over a password, a proof, and what the file is: the link it made is then not handed out.
 *
 * @throws `copies-missing` after that time, the signal's reason, and what else the commit is answered with
 */
export async function commitUpload(
  { controller, clock, config, logger }: CommitUploadDeps,
  commit: RequestOf<ControlMessages, 'commitUpload'>,
  signal: AbortSignal
): Promise<CommittedFile> {
  const endsAt = clock.monotonic() + config.controller.commitWaitMs
  for (;;) {
    try {
      const answer = await controller.call('commitUpload', commit, { signal })
      checkUnderstood(commit, answer)
      const { file, entry, version } = answer
      return { ...file, ...(entry !== undefined && { entry, version }) }
    } catch (error) {
      if (!hasCode(error, 'copies-missing')) throw error
      const pauseMs = error.retryAfterMs ?? RETRY_MS
      if (clock.monotonic() + pauseMs >= endsAt) throw error
      logger.info('a commit waits for copies', { upload: commit.upload, ...error.details })
      await sleep(clock, pauseMs, signal)
    }
  }
}

/** @throws `no-controller` when something was passed over that the link must not be without */
function checkUnderstood(
  { indexBytes = 0, encryption, link, entry }: RequestOf<ControlMessages, 'commitUpload'>,
  { file, isProtected, needsProof, version }: ResponseOf<ControlMessages, 'commitUpload'>
): void {
  const lacks =
    (link?.password !== undefined && !isProtected && 'passwords') ||
    (link?.proofHash !== undefined && !needsProof && 'proofs') ||
    (file.indexBytes !== indexBytes && 'indexes') ||
    (file.encryption !== (encryption ?? null) && 'encrypted files') ||
    (entry !== undefined && version === undefined && 'accounts')
  if (lacks !== false)
    throw new PeerbinError('no-controller', `the controller is of a version that knows no ${lacks}`)
}
