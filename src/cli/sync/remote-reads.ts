/** Content of files at the server of a synced folder. */

import { asPeerbinError } from '../../errors.ts'
import type { BlockRef, RemoteVersion } from '../../sync/remote.ts'
import type { ByteRange } from '../../types.ts'
import type { AccountRequest } from '../account/api.ts'
import { pages } from '../account/pages.ts'
import { isPassing } from '../http/retry.ts'
import * as answers from './remote-answers.ts'
import type { ServerCalls } from './server-calls.ts'

/** Breaks in a row without a byte between them. */
const BREAKS_MAX = 5

export class RemoteReads {
  readonly #server: ServerCalls

  constructor(server: ServerCalls) {
    this.#server = server
  }

  async blocksOf(file: RemoteVersion, signal: AbortSignal): Promise<BlockRef[]> {
    const blocks: BlockRef[] = []
    const ask = async (
      from: string | number | undefined
    ): Promise<{ items: BlockRef[]; next: string | number | null }> => {
      const path = `file/${encodeURIComponent(file.id)}`
      const query = { version: file.version, from }
      const page = await this.#server.json({ method: 'GET', path, query, signal }, answers.chunkList)
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
      signal
    }
    const { body } = await this.#server.answer(wanted, [206])
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
