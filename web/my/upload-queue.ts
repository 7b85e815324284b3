/** Uploads to one's files: some at a time, each on its own. The view draws it and calls it. */

import { accountTexts } from '../../src/edge/account-texts.ts'
import { cleanPart } from '../../src/bundle/paths.ts'
import { isSessionOver, leaveForSignIn } from '../account/api.ts'
import { Refused } from '../upload/answer.ts'
import { FilesChanged } from '../upload/content.ts'
import type { Picked } from '../upload/picked.ts'
import type { Waiting } from '../upload/tus-send.ts'
import { KeptUploads } from './kept-uploads.ts'
import type { KeptUpload } from './kept-uploads.ts'
import { giveUp, sendFile } from './send-file.ts'

const words = accountTexts.uploads

/** Sent at once: of many small files one would wait for answers most of the time; each holds some parts in memory. */
const AT_ONCE = 2

export interface Item {
  readonly id: number
  readonly file: File
  readonly path: string
  readonly state: 'waiting' | 'sending' | 'done' | 'failed' | 'cancelled'
  /** Bytes. */
  readonly sent: number
  /** Why it failed, or what there is to know. */
  readonly note: string
  readonly pause: (Waiting & { retryNow: () => void }) | undefined
  readonly version: number
}

/** An upload that somebody ended. */
class Cancelled extends Error {}

/** `folder/a/b.txt`: the place of a picked file below a folder. */
export function placeOf(folder: string, picked: string): string {
  const parts = picked
    .split(/[/\\]/)
    .map(cleanPart)
    .filter((part) => part !== '')
  return [folder, ...parts].filter((part) => part !== '').join('/')
}

export class UploadQueue {
  items: readonly Item[] = []
  /** What earlier pages left. */
  interrupted: readonly KeptUpload[]
  readonly #kept: KeptUploads
  readonly #onChange: () => void
  /** A file is there. */
  readonly #onStored: () => void
  readonly #running = new Map<number, AbortController>()
  readonly #urls = new Map<number, string>()
  #nextId = 1

  constructor(user: string, { onChange, onStored }: { onChange: () => void; onStored: () => void }) {
    this.#kept = new KeptUploads(user)
    this.#onChange = onChange
    this.#onStored = onStored
    this.interrupted = this.#kept.list()
  }

  get isActive(): boolean {
    return this.items.some(({ state }) => state === 'waiting' || state === 'sending')
  }

  /** @param folder where they go to; empty: the top */
  add(picked: readonly Picked[], folder: string): void {
    const added = picked.map(({ file, path }): Item => {
      const place = placeOf(folder, path) || placeOf(folder, file.name)
      const isEmpty = file.size === 0
      return {
        id: this.#nextId++,
        file,
        path: this.#placeOfInterrupted(place, file) ?? place,
        state: isEmpty ? 'failed' : 'waiting',
        sent: 0,
        note: isEmpty ? words.empty : '',
        pause: undefined,
        version: 0
      }
    })
    this.items = [...this.items, ...added]
    this.#go()
  }

  cancel(id: number): void {
    const running = this.#running.get(id)
    if (running === undefined) this.#change(id, { state: 'cancelled' })
    else running.abort(new Cancelled())
  }

  cancelAll(): void {
    for (const { id, state } of this.items) if (state === 'waiting' || state === 'sending') this.cancel(id)
  }

  retry(id: number): void {
    this.#change(id, { state: 'waiting', note: '', sent: 0 })
    this.#go()
  }

  /** Removes what has ended. */
  clear(): void {
    this.items = this.items.filter(({ state }) => state === 'waiting' || state === 'sending')
    this.#onChange()
  }

  /** Gives up what earlier pages left. */
  discard(): void {
    for (const { url } of this.interrupted) {
      this.#kept.forget(url)
      giveUp(url)
    }
    this.interrupted = []
    this.#onChange()
  }

  /** A file that is chosen again in another folder is still the one that was interrupted. */
  #placeOfInterrupted(place: string, file: File): string | undefined {
    const name = place.slice(place.lastIndexOf('/') + 1)
    const same = this.interrupted.filter(
      ({ path, bytes, modifiedAt }) =>
        path.slice(path.lastIndexOf('/') + 1) === name &&
        bytes === file.size &&
        modifiedAt === file.lastModified
    )
    const found = same.find(({ path }) => path === place) ?? (same.length === 1 ? same[0] : undefined)
    if (found === undefined) return undefined
    this.interrupted = this.interrupted.filter((kept) => kept !== found)
    return found.path
  }

  #change(id: number, change: Partial<Item>): void {
    this.items = this.items.map((item) => (item.id === id ? { ...item, ...change } : item))
    this.#onChange()
  }

  #go(): void {
    this.#onChange()
    while (this.#running.size < AT_ONCE) {
      const next = this.items.find(({ state }) => state === 'waiting')
      if (next === undefined) return
      const abort = new AbortController()
      this.#running.set(next.id, abort)
      this.#change(next.id, { state: 'sending' })
      void this.#send(next, abort.signal)
    }
  }

  async #send({ id, file, path }: Item, signal: AbortSignal): Promise<void> {
    try {
      const { version } = await sendFile({
        file,
        path,
        kept: this.#kept,
        signal,
        onUrl: (url) => this.#urls.set(id, url),
        onProgress: (sent) => this.#change(id, { sent }),
        onWaiting: (waiting, retryNow) => this.#change(id, { pause: { ...waiting, retryNow } }),
        onGoing: () => this.#change(id, { pause: undefined }),
        onRestart: () => this.#change(id, { note: words.restarted, sent: 0 })
      })
      this.#change(id, { state: 'done', sent: file.size, version, pause: undefined, note: '' })
      this.#onStored()
    } catch (error) {
      this.#fail(id, error)
    }
    this.#running.delete(id)
    this.#urls.delete(id)
    this.#go()
  }

  #fail(id: number, error: unknown): void {
    if (error instanceof Refused && isSessionOver(error.code)) {
      // what was begun is kept: it goes on after signing in
      leaveForSignIn('expired')
      return
    }
    const isCancelled = error instanceof Cancelled
    const url = this.#urls.get(id)
    if (isCancelled && url !== undefined) {
      this.#kept.forget(url)
      giveUp(url)
    }
    const note = isCancelled ? '' : noteOf(error)
    this.#change(id, { state: isCancelled ? 'cancelled' : 'failed', pause: undefined, note })
  }
}

function noteOf(error: unknown): string {
  if (error instanceof Refused) return error.message
  return error instanceof FilesChanged ? words.changed : words.failed
}
