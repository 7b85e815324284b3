/** The user's files at a server, by HTTP, for the engine of a synced folder. */

import type {
  BlockRef,
  RemoteChanges,
  RemoteCommit,
  RemoteFile,
  RemotePlace,
  RemoteVersion,
  SyncRemote
} from '../../sync/remote.ts'
import type { ByteRange } from '../../types.ts'
import type { AccountApi } from '../account/api.ts'
import type { CliContext } from '../context.ts'
import { RemoteEdits } from './remote-edits.ts'
import { RemoteLooks } from './remote-looks.ts'
import { RemotePaths } from './remote-paths.ts'
import { RemoteReads } from './remote-reads.ts'
import { ServerCalls } from './server-calls.ts'

export class HttpRemote implements SyncRemote {
  readonly #server: ServerCalls
  readonly #looks: RemoteLooks
  readonly #edits: RemoteEdits
  readonly #reads: RemoteReads

  /** @param folder of the account's files; empty: all of them */
  constructor(api: AccountApi, folder: string, context: CliContext) {
    const files = new RemotePaths(folder)
    this.#server = new ServerCalls(api, context)
    this.#looks = new RemoteLooks(this.#server, files)
    this.#edits = new RemoteEdits(this.#server, files, context.clock)
    this.#reads = new RemoteReads(this.#server)
  }

  /** Requests so far, repeats included. */
  get requests(): number {
    return this.#server.count
  }

  close(): void {
    this.#server.close()
  }

  async cursor(signal: AbortSignal): Promise<string> {
    return await this.#looks.cursor(signal)
  }

  list(signal: AbortSignal): AsyncIterable<RemoteFile[]> {
    return this.#looks.list(signal)
  }

  async changes(after: string, waitMs: number, signal: AbortSignal): Promise<RemoteChanges | 'lost'> {
    return await this.#looks.changes(after, waitMs, signal)
  }

  async missing(blocks: readonly BlockRef[], signal: AbortSignal): Promise<ReadonlySet<string>> {
    return await this.#edits.missing(blocks, signal)
  }

  async putBlock(bytes: Uint8Array, digest: string, signal: AbortSignal): Promise<void> {
    await this.#edits.putBlock(bytes, digest, signal)
  }

  async commit(file: RemoteCommit, signal: AbortSignal): Promise<RemoteFile> {
    return await this.#edits.commit(file, signal)
  }

  async move(file: RemotePlace, path: string, signal: AbortSignal): Promise<RemoteFile> {
    return await this.#edits.move(file, path, signal)
  }

  async remove(file: RemotePlace, signal: AbortSignal): Promise<void> {
    await this.#edits.remove(file, signal)
  }

  async blocksOf(file: RemoteVersion, signal: AbortSignal): Promise<BlockRef[]> {
    return await this.#reads.blocksOf(file, signal)
  }

  read(file: RemoteVersion, range: ByteRange, signal: AbortSignal): AsyncIterable<Uint8Array> {
    return this.#reads.read(file, range, signal)
  }
}
