/** The user's files at a server, by HTTP, for the engine of a synced folder. */

import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { z } from 'zod'
import { foldPath } from '../../bundle/paths.ts'
import { asPeerbinError, hasCode, PeerbinError } from '../../errors.ts'
import { inParallel } from '../../runtime/in-parallel.ts'
import type {
  BlockRef,
  RemoteChanges,
  RemoteCommit,
  RemoteFile,
  RemotePlace,
  RemoteVersion,
  SyncRemote
} from '../../sync/remote.ts'
import type { ByteRange, EntryId } from '../../types.ts'
import type { AccountApi, AccountRequest } from '../account/api.ts'
import { pages } from '../account/pages.ts'
import type { CliContext } from '../context.ts'
import { isPassing } from '../http/retry.ts'
import { retrying } from '../http/retrying.ts'
import { readJson } from '../http/request.ts'
import { Gatherer } from './gather.ts'
import * as answers from './remote-answers.ts'
import type { CommitResult, EventAnswer } from './remote-answers.ts'

const PAGE = 1000
/** Digests of one question, and files of one commit: the server's limits. */
const DIGESTS_MAX = 1000
const COMMITS_MAX = 100
/** Blocks that the commits of one request name: a body stays below a MiB. */
const COMMIT_BLOCKS_MAX = 2000
/** Requests of one kind that are under way at once. */
const AT_ONCE = 2
const CONNECTIONS_MAX = 16
/** Files that changed and are asked for one by one, so many at once. */
const LOOKS_AT_ONCE = 8
/** Files of which it is remembered what the server said last, so that its own echo is not asked about. */
const KNOWN_MAX = 100_000
/** Breaks in a row without a byte between them. */
const BREAKS_MAX = 5

const FILE_EVENTS = [
  'file.added',
  'file.edited',
  'file.moved',
  'file.changed',
  'file.removed',
  'file.expired',
  'version.removed'
]

export class HttpRemote implements SyncRemote {
  readonly #api: AccountApi
  readonly #context: CliContext
  /** Empty, or with a slash at its end. */
  readonly #folder: string
  readonly #agent: HttpAgent
  readonly #known = new Map<EntryId, RemoteFile>()
  readonly #questions: Gatherer<readonly string[], ReadonlySet<string>>
  readonly #commits: Gatherer<RemoteCommit, CommitResult>
  /** Requests so far, repeats included. */
  requests = 0

  /** @param folder of the account's files; empty: all of them */
  constructor(api: AccountApi, folder: string, context: CliContext) {
    this.#api = api
    this.#context = context
    this.#folder = folder === '' ? '' : `${folder}/`
    const Agent = api.server.protocol === 'https:' ? HttpsAgent : HttpAgent
    this.#agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS_MAX })
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

  close(): void {
    this.#agent.destroy()
  }

  /** Everything here can be asked for again: what changes something says on what it rests. */
  async #json<S extends z.ZodType>(wanted: AccountRequest, schema: S): Promise<z.output<S>> {
    const record = await retrying(this.#context, async () => {
      this.requests++
      return await readJson(await this.#api.answer({ ...wanted, agent: this.#agent }))
    })
    const parsed = schema.safeParse(record)
    if (parsed.success) return parsed.data
    throw new PeerbinError(
      'protocol-violation',
      `${this.#api.server.origin} does not answer as a peerbin edge with synced folders does`,
      { cause: parsed.error }
    )
  }

  // ---------------------------------------------------------------- paths

  #pathThere(path: string): string {
    return this.#folder + path
  }

  /** Undefined: not below the folder that is synced. Its name may be spelled in another case. */
  #pathHere(path: string): string | undefined {
    if (this.#folder === '') return path
    const isBelow = foldPath(path.slice(0, this.#folder.length)) === foldPath(this.#folder)
    return isBelow ? path.slice(this.#folder.length) : undefined
  }

  #fileOf(answer: answers.RemoteFileAnswer): RemoteFile | undefined {
    const path = this.#pathHere(answer.path)
    const file = path === undefined ? undefined : answers.remoteFileOf(answer, path)
    if (file !== undefined) this.#know(file)
    return file
  }

  #know(file: RemoteFile): void {
    if (this.#known.size >= KNOWN_MAX) this.#known.clear()
    this.#known.set(file.id, file)
  }

  // ---------------------------------------------------------------- looking

  async cursor(signal: AbortSignal): Promise<string> {
    const query = { format: 'json' }
    return (await this.#json({ method: 'GET', path: 'api/events', query, signal }, answers.eventList)).cursor
  }

  async *list(signal: AbortSignal): AsyncGenerator<RemoteFile[]> {
    const folder = this.#folder === '' ? {} : { folder: this.#folder.slice(0, -1) }
    const ask = async (
      after: string | number | undefined
    ): Promise<{ items: RemoteFile[]; next: string | null }> => {
      const query = { ...folder, recursive: true, limit: PAGE, after }
      const page = await this.#json(
        { method: 'GET', path: 'api/files/list', query, signal },
        answers.remoteList
      )
      return {
        items: page.files.map((file) => this.#fileOf(file)).filter((file) => file !== undefined),
        next: page.next
      }
    }
    yield* pages(ask)
  }

  async changes(after: string, waitMs: number, signal: AbortSignal): Promise<RemoteChanges | 'lost'> {
    try {
      const wait = waitMs > 0 ? { wait: Math.ceil(waitMs / 1000) } : {}
      const query = { format: 'json', after, types: FILE_EVENTS.join(','), ...wait }
      const page = await this.#json({ method: 'GET', path: 'api/events', query, signal }, answers.eventList)
      const { files, gone } = await this.#statesOf(page.events, signal)
      return { files, gone, cursor: page.cursor, more: page.more }
    } catch (error) {
      if (hasCode(error, 'cursor-expired')) return 'lost'
      throw error
    }
  }

  /** What became of the files that events are about: of those that this client changed last itself, nothing has to be asked. */
  async #statesOf(
    events: readonly EventAnswer[],
    signal: AbortSignal
  ): Promise<{ files: RemoteFile[]; gone: EntryId[] }> {
    const last = new Map<EntryId, EventAnswer>()
    for (const event of events) {
      const id = event.data.file_id
      if (id !== null && id !== undefined) last.set(id as EntryId, event)
    }
    const files: RemoteFile[] = []
    const gone: EntryId[] = []
    await inParallel([...last], LOOKS_AT_ONCE, async ([id, event]) => {
      const file = this.#isEcho(id, event) ? this.#known.get(id) : await this.#look(id, event, signal)
      if (file !== undefined) files.push(file)
      else {
        this.#known.delete(id)
        gone.push(id)
      }
    })
    return { files, gone }
  }

  #isEcho(id: EntryId, { type, data }: EventAnswer): boolean {
    const known = this.#known.get(id)
    if (known === undefined || !['file.added', 'file.edited', 'file.moved'].includes(type)) return false
    return (
      data.version === known.version &&
      data.sha256 === known.sha256 &&
      data.path === this.#pathThere(known.path)
    )
  }

  async #look(id: EntryId, { type }: EventAnswer, signal: AbortSignal): Promise<RemoteFile | undefined> {
    if (type === 'file.removed' || type === 'file.expired') return undefined
    try {
      const path = `api/files/${encodeURIComponent(id)}`
      return this.#fileOf(await this.#json({ method: 'GET', path, signal }, answers.remoteFile))
    } catch (error) {
      if (hasCode(error, 'file-unknown', 'not-found')) return undefined
      throw error
    }
  }

  // ---------------------------------------------------------------- sending

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
    const { missing } = await this.#json(
      { method: 'POST', path: 'api/blocks/query', body },
      answers.missingBlocks
    )
    const all = new Set(missing)
    return asked.map((digests) => new Set(digests.filter((digest) => all.has(digest))))
  }

  async putBlock(bytes: Uint8Array, digest: string, signal: AbortSignal): Promise<void> {
    await retrying(this.#context, async () => {
      this.requests++
      const { body } = await this.#api.answer({
        method: 'POST',
        path: 'api/upload',
        query: { digest },
        bytes,
        signal,
        agent: this.#agent
      })
      // to its end: the connection is kept
      for await (const part of body as AsyncIterable<Uint8Array>) void part
    })
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
      changedAt: this.#context.clock.now(),
      metadata: file.metadata
    }
    this.#know(committed)
    return committed
  }

  async #askCommits(commits: readonly RemoteCommit[]): Promise<CommitResult[]> {
    const body = {
      commits: commits.map((commit) => ({
        commit_id: commit.commitId,
        path: this.#pathThere(commit.path),
        blocks: commit.blocks.map(({ digest, sizeBytes }) => ({ block_id: digest, size: sizeBytes })),
        sha256: commit.sha256,
        metadata: commit.metadata,
        base_version: commit.base?.version ?? 0,
        ...(commit.base === undefined ? {} : { base_file_id: commit.base.id })
      }))
    }
    const wanted: AccountRequest = { method: 'POST', path: 'api/files/commit', body }
    const { results } = await this.#json(wanted, answers.commitResults)
    if (results.length !== commits.length)
      throw new PeerbinError('protocol-violation', 'the server answered another number of commits')
    return results
  }

  async move(file: RemotePlace, path: string, signal: AbortSignal): Promise<RemoteFile> {
    const wanted: AccountRequest = {
      method: 'PATCH',
      path: `api/files/${encodeURIComponent(file.id)}`,
      body: {
        path: this.#pathThere(path),
        base_version: file.version,
        base_path: this.#pathThere(file.path)
      },
      signal
    }
    const moved = this.#fileOf(await this.#json(wanted, answers.remoteFile))
    if (moved !== undefined) return moved
    throw new PeerbinError('protocol-violation', 'the server moved a file to somewhere else')
  }

  async remove(file: RemotePlace, signal: AbortSignal): Promise<void> {
    await retrying(this.#context, async () => {
      this.requests++
      const path = `api/files/delete/${encodeURIComponent(file.id)}`
      const query = { version: file.version, path: this.#pathThere(file.path) }
      const { body } = await this.#api.answer({ method: 'DELETE', path, query, signal, agent: this.#agent })
      body.resume()
    })
    this.#known.delete(file.id)
  }

  // ---------------------------------------------------------------- fetching

  async blocksOf(file: RemoteVersion, signal: AbortSignal): Promise<BlockRef[]> {
    const blocks: BlockRef[] = []
    const ask = async (
      from: string | number | undefined
    ): Promise<{ items: BlockRef[]; next: string | number | null }> => {
      const path = `file/${encodeURIComponent(file.id)}`
      const query = { version: file.version, from }
      const page = await this.#json({ method: 'GET', path, query, signal }, answers.chunkList)
      const items = page.chunks.map(({ block_id: digest, size: sizeBytes }) => ({ digest, sizeBytes }))
      return { items, next: page.next }
    }
    for await (const items of pages(ask)) blocks.push(...items)
    return blocks
  }

  /** Goes on where it was after a break. */
  async *read(file: RemoteVersion, range: ByteRange, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    let breaks = 0
    for (let at = range.start; at < range.end;) {
      try {
        for await (const bytes of this.#readOnce(file, { start: at, end: range.end }, signal)) {
          at += bytes.byteLength
          breaks = 0
          yield bytes
        }
        return
      } catch (error) {
        if (signal.aborted || !isPassing(error) || ++breaks > BREAKS_MAX) throw error
      }
    }
  }

  async *#readOnce(file: RemoteVersion, range: ByteRange, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const wanted: AccountRequest = {
      method: 'GET',
      path: `api/files/download/${encodeURIComponent(file.id)}`,
      query: { version: file.version },
      headers: { accept: '*/*', range: `bytes=${range.start}-${range.end - 1}` },
      signal,
      agent: this.#agent
    }
    const { body } = await retrying(this.#context, async () => {
      this.requests++
      return await this.#api.answer(wanted, [206])
    })
    try {
      for await (const bytes of body as AsyncIterable<Uint8Array>) yield bytes
    } catch (error) {
      throw signal.aborted
        ? asPeerbinError(signal.reason, 'aborted')
        : asPeerbinError(error, 'server-unreachable')
    } finally {
      body.destroy()
    }
  }
}
