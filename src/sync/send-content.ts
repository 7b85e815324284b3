/** Sends a local file: the blocks that the server lacks, then the commit. */

import { hash } from 'node:crypto'
import { hasCode, PeerbinError } from '../errors.ts'
import type { Random } from '../interfaces.ts'
import { abortScope } from '../runtime/deadline.ts'
import type { Budget } from '../runtime/budget.ts'
import { inParallel } from '../runtime/in-parallel.ts'
import { randomUuid } from '../runtime/random.ts'
import { readWhole } from './fetch-content.ts'
import type { SyncFolder } from './folder.ts'
import type { HashedFile } from './plan-types.ts'
import { MEDIA_TYPE, MODIFIED_AT_KEY } from './remote.ts'
import type { BlockRef, RemoteCommit, RemoteFile, SyncRemote } from './remote.ts'
import type { SyncTrees } from './trees.ts'

/** Blocks of one file that are under way at once. */
const BLOCKS_AT_ONCE = 8
/** Staged blocks can be forgotten between the question and the commit; hardly twice. */
const TRIES = 3

export interface SendParts {
  remote: SyncRemote
  folder: SyncFolder
  trees: SyncTrees
  random: Random
  budget: Budget
}

/** @returns what the server has now, and how many bytes travelled. @throws what `commit` and `putBlock` do; local-changed */
export async function sendFile(
  parts: SendParts,
  local: HashedFile,
  replaces: RemoteFile | undefined,
  signal: AbortSignal
): Promise<{ file: RemoteFile; sentBytes: number }> {
  const blocks = await parts.trees.blocks(local.path, local.stamp)
  const commit: RemoteCommit = {
    commitId: randomUuid(parts.random),
    path: local.path,
    blocks,
    sha256: local.sha256,
    sizeBytes: local.sizeBytes,
    base: replaces === undefined ? undefined : { id: replaces.id, version: replaces.version },
    // who put it there may have known more than its name says
    mediaType: replaces?.mediaType ?? MEDIA_TYPE,
    metadata: { ...replaces?.metadata, [MODIFIED_AT_KEY]: new Date(local.modifiedAt).toISOString() }
  }
  let sentBytes = 0
  for (let attempt = 1; ; attempt++) {
    sentBytes += await sendBlocks(parts, local, blocks, signal)
    try {
      return { file: await commitOnce(parts, commit, signal), sentBytes }
    } catch (error) {
      if (!hasCode(error, 'blocks-missing') || attempt === TRIES) throw error
    }
  }
}

async function sendBlocks(
  parts: SendParts,
  local: HashedFile,
  blocks: readonly BlockRef[],
  signal: AbortSignal
): Promise<number> {
  const missing = await parts.remote.missing(blocks, signal)
  const places: { digest: string; start: number; sizeBytes: number }[] = []
  const seen = new Set<string>()
  let start = 0
  for (const { digest, sizeBytes } of blocks) {
    if (missing.has(digest) && !seen.has(digest)) places.push({ digest, start, sizeBytes })
    seen.add(digest)
    start += sizeBytes
  }
  using scope = abortScope(signal)
  const sent = await inParallel(places, BLOCKS_AT_ONCE, async (place) => {
    const lease = await parts.budget.acquire(place.sizeBytes, scope.signal)
    try {
      const range = { start: place.start, end: place.start + place.sizeBytes }
      const read = parts.folder.read(local.path, local.stamp, range, scope.signal)
      const bytes = await readWhole(read, place.sizeBytes)
      if (bytes === undefined || hash('sha256', bytes, 'hex') !== place.digest)
        throw new PeerbinError('local-changed', '', { details: { path: local.path } })
      await parts.remote.putBlock(bytes, place.digest, scope.signal)
      return place.sizeBytes
    } finally {
      lease.release()
    }
  })
  return sent.reduce((total, sizeBytes) => total + sizeBytes, 0)
}

/** Notes a commit before it is sent, so that a repeat after a crash, or after an answer that was lost, is known as one. */
async function commitOnce(parts: SendParts, commit: RemoteCommit, signal: AbortSignal): Promise<RemoteFile> {
  parts.trees.commits.set(commit.path, commit)
  await parts.trees.save([{ put: 'commit', commit }])
  try {
    return await sendCommit(parts, commit, signal)
  } catch (error) {
    // nothing happened, and that is certain: were it sent again after a crash, it might find room where somebody deleted the file
    if (isRefusal(error)) await dropCommit(parts, commit)
    throw error
  }
}

/** An answer about anything else than what was asked for must never become the base. */
async function sendCommit(parts: SendParts, commit: RemoteCommit, signal: AbortSignal): Promise<RemoteFile> {
  const file = await parts.remote.commit(commit, signal)
  if (file.sha256 === commit.sha256) return file
  throw new PeerbinError('protocol-violation', 'the answer is about another file')
}

/** Who does not let us in has not looked at what was asked for: an earlier attempt, whose answer was lost, may have done it. */
const NOT_LET_IN: readonly number[] = [401, 403]

/** Whether the server has answered that it does not do it; of other errors one cannot know whether it did. */
export const isRefusal = (error: unknown): error is PeerbinError =>
  error instanceof PeerbinError &&
  !error.retryable &&
  error.code !== 'aborted' &&
  !NOT_LET_IN.includes(error.status)

/**
 * Asks for the commits again of which it is not known whether they happened. What happened is the base then, however the local file has changed since; what did not, and is
 * refused now, is decided anew.
 */
export async function resolveCommits(parts: SendParts, signal: AbortSignal): Promise<void> {
  for (const commit of parts.trees.commits.values()) {
    try {
      const file = await sendCommit(parts, commit, signal)
      parts.trees.observeOld(file)
      parts.trees.commits.delete(commit.path)
      await parts.trees.save([
        ...parts.trees.agree(file, commit, commit.path),
        { drop: 'commit', path: commit.path }
      ])
    } catch (error) {
      if (!isRefusal(error)) throw error
      await dropCommit(parts, commit)
    }
  }
}

async function dropCommit(parts: SendParts, commit: RemoteCommit): Promise<void> {
  parts.trees.commits.delete(commit.path)
  await parts.trees.save([{ drop: 'commit', path: commit.path }])
}
