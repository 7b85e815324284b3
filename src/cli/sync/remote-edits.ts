/** What a synced folder changes at its server: blocks, commits of them, moves and deletions. */

import { PeerbinError } from '../../errors.ts'
import type { Clock } from '../../interfaces.ts'
import type { BlockRef, RemoteCommit, RemoteFile, RemotePlace } from '../../sync/remote.ts'
import type { EntryId } from '../../types.ts'
import type { AccountRequest } from '../account/api.ts'
import { Gatherer } from './gather.ts'
import * as answers from './remote-answers.ts'
import type { CommitResult } from './remote-answers.ts'
import type { RemotePaths } from './remote-paths.ts'
import type { ServerCalls } from './server-calls.ts'

/** Digests of one question, and files of one commit: the server's limits. */
const DIGESTS_MAX = 1000
const COMMITS_MAX = 100
/** Blocks that the commits of one request name: a body stays below a MiB. */
const COMMIT_BLOCKS_MAX = 2000
/** Requests of one kind that are under way at once. */
const AT_ONCE = 2

export class RemoteEdits {
  readonly #server: ServerCalls
  readonly #files: RemotePaths
  readonly #clock: Clock
  readonly #questions: Gatherer<readonly string[], ReadonlySet<string>>
  readonly #commits: Gatherer<RemoteCommit, CommitResult>

  constructor(server: ServerCalls, files: RemotePaths, clock: Clock) {
    this.#server = server
    this.#files = files
    this.#clock = clock
    this.#questions = new Gatherer(
      { weightMax: DIGESTS_MAX, atOnceMax: AT_ONCE, weigh: (digests) => digests.length },
      async (asked) => await this.#askMissing(asked)
    )
    this.#commits = new Gatherer(
      {
        weightMax: COMMIT_BLOCKS_MAX,
        atOnceMax: AT_ONCE,
        weigh: ({ blocks }) => Math.max(blocks.length, COMMIT_BLOCKS_MAX / COMMITS_MAX)
      },
      async (commits) => await this.#askCommits(commits)
    )
  }

  async missing(blocks: readonly BlockRef[], signal: AbortSignal): Promise<ReadonlySet<string>> {
    signal.throwIfAborted()
    const digests = [...new Set(blocks.map(({ digest }) => digest))]
    const missing = new Set<string>()
    for (let from = 0; from < digests.length; from += DIGESTS_MAX)
      for (const digest of await this.#questions.add(digests.slice(from, from + DIGESTS_MAX)))
        missing.add(digest)
    return missing
  }

  async #askMissing(asked: readonly (readonly string[])[]): Promise<ReadonlySet<string>[]> {
    const body = { digests: [...new Set(asked.flat())] }
    const { missing } = await this.#server.json(
      { method: 'POST', path: 'api/blocks/query', body },
      answers.missingBlocks
    )
    const all = new Set(missing)
    return asked.map((digests) => new Set(digests.filter((digest) => all.has(digest))))
  }

  async putBlock(bytes: Uint8Array, digest: string, signal: AbortSignal): Promise<void> {
    const query = { digest }
    await this.#server.done({ method: 'POST', path: 'api/upload', query, bytes, signal })
  }

  async commit(file: RemoteCommit, signal: AbortSignal): Promise<RemoteFile> {
    signal.throwIfAborted()
    const result = await this.#commits.add(file)
    const refusal = answers.refusalOf(result)
    if (refusal !== undefined) throw refusal
    const committed: RemoteFile = {
      id: String(result['file_id']) as EntryId,
      path: file.path,
      version: Number(result['version']),
      sizeBytes: file.sizeBytes,
      sha256: file.sha256,
      changedAt: this.#clock.now(),
      mediaType: file.mediaType,
      metadata: file.metadata
    }
    this.#files.know(committed)
    return committed
  }

  async #askCommits(commits: readonly RemoteCommit[]): Promise<CommitResult[]> {
    const body = {
      commits: commits.map((commit) => ({
        commit_id: commit.commitId,
        path: this.#files.pathThere(commit.path),
        blocks: commit.blocks.map(({ digest, sizeBytes }) => ({ block_id: digest, size: sizeBytes })),
        sha256: commit.sha256,
        media_type: commit.mediaType,
        metadata: commit.metadata,
        base_version: commit.base?.version ?? 0,
        ...(commit.base === undefined ? {} : { base_file_id: commit.base.id })
      }))
    }
    const wanted: AccountRequest = { method: 'POST', path: 'api/files/commit', body }
    const { results } = await this.#server.json(wanted, answers.commitResults)
    if (results.length !== commits.length)
      throw new PeerbinError('protocol-violation', 'the server answered another number of commits')
    return results
  }

  async move(file: RemotePlace, path: string, signal: AbortSignal): Promise<RemoteFile> {
    const wanted: AccountRequest = {
      method: 'PATCH',
      path: `api/files/${encodeURIComponent(file.id)}`,
      body: {
        path: this.#files.pathThere(path),
        base_version: file.version,
        base_path: this.#files.pathThere(file.path)
      },
      signal
    }
    const moved = this.#files.fileOf(await this.#server.json(wanted, answers.remoteFile))
    if (moved !== undefined) return moved
    throw new PeerbinError('protocol-violation', 'the server moved a file to somewhere else')
  }

  async remove(file: RemotePlace, signal: AbortSignal): Promise<void> {
    const path = `api/files/delete/${encodeURIComponent(file.id)}`
    const query = { version: file.version, path: this.#files.pathThere(file.path) }
    await this.#server.done({ method: 'DELETE', path, query, signal })
    this.#files.forget(file.id)
  }
}
