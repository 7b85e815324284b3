/** An upload that was begun, kept in this browser so that it can go on after the page was loaded anew. In a browser that keeps nothing, an upload just runs. */

import type { BundleIndex } from '../../src/bundle/index.ts'
import type { Mark } from './file-checksums.ts'

const KEY = 'peerbin:upload'
const MARK_KEY = 'peerbin:upload-mark'
const VERSION = 1
/** What a server keeps that does not say for how long. */
const DEFAULT_LIFE_MS = 24 * 60 * 60 * 1000

export interface StoredUpload {
  /** Where it goes on; a capability: whoever has it may write. */
  readonly url: string
  readonly index: BundleIndex
  /** The folder that was chosen, or files one by one. */
  readonly isFolder: boolean
  /** Of an encrypted one. */
  readonly secret: string | undefined
  readonly hasPassword: boolean
  readonly downloads: number
  /** Life of the link. */
  readonly seconds: number
  readonly expiresAt: number
}

/** The page's own storage; undefined where the browser keeps none. */
function storage(): Storage | undefined {
  try {
    return window.localStorage
  } catch {
    return undefined
  }
}

/** Keeps it in place of another one; false where it cannot be kept. */
export function keepUpload(upload: Omit<StoredUpload, 'expiresAt'>, expiresAt: number | undefined): boolean {
  try {
    storage()?.setItem(
      KEY,
      JSON.stringify({ ...upload, v: VERSION, expiresAt: expiresAt ?? Date.now() + DEFAULT_LIFE_MS })
    )
    return true
  } catch {
    forgetUpload() // full: an older one must not be taken for this
    return false
  }
}

/** Up to where bytes were made of the files. @param url of the upload: another window may have another one */
export function keepMark(url: string, mark: Mark): void {
  try {
    storage()?.setItem(MARK_KEY, JSON.stringify({ ...mark, url }))
  } catch {
    // without it the upload cannot go on: see storedUpload
    forgetUpload()
  }
}

export function forgetUpload(): void {
  storage()?.removeItem(KEY)
  storage()?.removeItem(MARK_KEY)
}

/** What an earlier page left, if it can still go on. */
export function storedUpload(): (StoredUpload & { mark: Mark }) | undefined {
  try {
    const text = storage()?.getItem(KEY)
    if (text === null || text === undefined) return undefined
    // written by this page under this key: it has the shape of its version
    const upload = JSON.parse(text) as StoredUpload & { v: number }
    if (upload.v !== VERSION || upload.expiresAt < Date.now()) {
      forgetUpload()
      return undefined
    }
    const mark = JSON.parse(storage()?.getItem(MARK_KEY) ?? 'null') as (Mark & { url: string }) | null
    // without its mark nobody could say whether the files are the same: nothing may be sealed with its key again
    if (mark?.url !== upload.url) {
      forgetUpload()
      return undefined
    }
    return { ...upload, mark }
  } catch {
    forgetUpload()
    return undefined
  }
}
