/** What a server says of the files of a synced folder: all of them, and what changes. */

import { hasCode } from '../../errors.ts'
import { inParallel } from '../../runtime/in-parallel.ts'
import type { RemoteChanges, RemoteFile } from '../../sync/remote.ts'
import type { EntryId } from '../../types.ts'
import { pages } from '../account/pages.ts'
import * as answers from './remote-answers.ts'
import type { EventAnswer } from './remote-answers.ts'
import type { RemotePaths } from './remote-paths.ts'
import type { ServerCalls } from './server-calls.ts'

const PAGE = 1000
/** Files that changed and are asked for one by one, so many at once. */
const LOOKS_AT_ONCE = 8

const FILE_EVENTS = [
  'file.added',
  'file.edited',
  'file.moved',
  'file.changed',
  'file.removed',
  'file.expired',
  'version.removed'
]

export class RemoteLooks {
  readonly #server: ServerCalls
  readonly #files: RemotePaths

  constructor(server: ServerCalls, files: RemotePaths) {
    this.#server = server
    this.#files = files
  }

  async cursor(signal: AbortSignal): Promise<string> {
    const query = { format: 'json' }
    return (await this.#server.json({ method: 'GET', path: 'api/events', query, signal }, answers.eventList))
      .cursor
  }

  async *list(signal: AbortSignal): AsyncGenerator<RemoteFile[]> {
    const { folder } = this.#files
    const ask = async (
      after: string | number | undefined
    ): Promise<{ items: RemoteFile[]; next: string | null }> => {
      const query = { folder, recursive: true, limit: PAGE, after }
      const page = await this.#server.json(
        { method: 'GET', path: 'api/files/list', query, signal },
        answers.remoteList
      )
      return {
        items: page.files.map((file) => this.#files.fileOf(file)).filter((file) => file !== undefined),
        next: page.next
      }
    }
    yield* pages(ask)
  }

  async changes(after: string, waitMs: number, signal: AbortSignal): Promise<RemoteChanges | 'lost'> {
    try {
      const wait = waitMs > 0 ? { wait: Math.ceil(waitMs / 1000) } : {}
      const query = { format: 'json', after, types: FILE_EVENTS.join(','), ...wait }
      const page = await this.#server.json(
        { method: 'GET', path: 'api/events', query, signal },
        answers.eventList
      )
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
      const file = this.#isEcho(id, event) ? this.#files.known(id) : await this.#look(id, event, signal)
      if (file !== undefined) files.push(file)
      else {
        this.#files.forget(id)
        gone.push(id)
      }
    })
    return { files, gone }
  }

  #isEcho(id: EntryId, { type, data }: EventAnswer): boolean {
    const known = this.#files.known(id)
    if (known === undefined || !['file.added', 'file.edited', 'file.moved'].includes(type)) return false
    return (
      data.version === known.version &&
      data.sha256 === known.sha256 &&
      data.path === this.#files.pathThere(known.path)
    )
  }

  async #look(id: EntryId, { type }: EventAnswer, signal: AbortSignal): Promise<RemoteFile | undefined> {
    if (type === 'file.removed' || type === 'file.expired') return undefined
    try {
      const path = `api/files/${encodeURIComponent(id)}`
      return this.#files.fileOf(await this.#server.json({ method: 'GET', path, signal }, answers.remoteFile))
    } catch (error) {
      if (hasCode(error, 'file-unknown', 'not-found')) return undefined
      throw error
    }
  }
}
