/** Uploads to one's files that were begun, kept in this browser so that they can go on after the page was loaded anew. */

import type { Mark } from '../upload/file-checksums.ts'

const KEY = 'peerbin:my-uploads'
const VERSION = 1
const KEPT_MAX = 100
/** What a server keeps that does not say for how long. */
const DEFAULT_LIFE_MS = 24 * 60 * 60 * 1000

export interface KeptUpload {
  /** Where it goes on; a capability: whoever has it may write. */
  readonly url: string
  /** Where the file goes to. */
  readonly path: string
  readonly bytes: number
  readonly modifiedAt: number
  readonly expiresAt: number
  /** Up to where bytes were sent, and what they gave. */
  readonly mark?: Mark
}

interface Stored {
  readonly v: number
  /** Whose: another user of this browser is not told of them. */
  readonly user: string
  readonly uploads: readonly KeptUpload[]
}

function read(user: string): readonly KeptUpload[] {
  try {
    const text = window.localStorage.getItem(KEY)
    if (text === null) return []
    // written by this page under this key: it has the shape of its version
    const stored = JSON.parse(text) as Stored
    return stored.v === VERSION && stored.user === user ? stored.uploads : []
  } catch {
    return []
  }
}

function write(user: string, uploads: readonly KeptUpload[]): void {
  try {
    if (uploads.length === 0) window.localStorage.removeItem(KEY)
    else window.localStorage.setItem(KEY, JSON.stringify({ v: VERSION, user, uploads } satisfies Stored))
  } catch {
    // a browser that keeps nothing: an upload just runs
  }
}

/** Those that can still go on. Several windows may write here: each change is of one upload, and reads before it writes. */
export class KeptUploads {
  readonly #user: string

  constructor(user: string) {
    this.#user = user
  }

  list(): readonly KeptUpload[] {
    const now = Date.now()
    return read(this.#user).filter(({ expiresAt }) => expiresAt > now)
  }

  /** The upload of this file to this place, if it was begun. */
  find(path: string, file: File): KeptUpload | undefined {
    return this.list().find(
      (kept) => kept.path === path && kept.bytes === file.size && kept.modifiedAt === file.lastModified
    )
  }

  keep(upload: Omit<KeptUpload, 'expiresAt'>, expiresAt: number | undefined): void {
    const others = this.list().filter(({ url }) => url !== upload.url)
    const kept = { ...upload, expiresAt: expiresAt ?? Date.now() + DEFAULT_LIFE_MS }
    write(this.#user, [...others, kept].slice(-KEPT_MAX))
  }

  mark(url: string, mark: Mark): void {
    write(
      this.#user,
      this.list().map((kept) => (kept.url === url ? { ...kept, mark } : kept))
    )
  }

  forget(url: string): void {
    write(
      this.#user,
      this.list().filter((kept) => kept.url !== url)
    )
  }
}
