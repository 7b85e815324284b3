/**
 * Sends content to /files/ and does not give up: what breaks is gone on with, from what the server has. tus-js-client speaks the protocol; when to try again is decided here, so that the page can say it.
 */

import { Upload } from 'tus-js-client'
import type { DetailedError, HttpRequest, HttpResponse } from 'tus-js-client'
import { pageTexts } from '../../src/edge/page-texts.ts'
import { Refused, refusedBy } from './answer.ts'
import type { UploadDone } from './answer.ts'
import type { Content } from './content.ts'
import { FilesChanged } from './content.ts'

/** Sent in one request: two chunks of the server. About three times this is in memory. */
const PART_BYTES = 8 * 1024 * 1024
/** After so long without a byte moving, a connection counts as lost: the server itself waits half as long. */
const STALL_MS = 60_000
const PAUSES_S = [1, 2, 4, 8, 15, 30]
/** Statuses that say "later". */
const LATER = new Set([408, 409, 423, 429])
/** Answers with such a status that no later attempt gets another one to. */
const FINAL = new Set(['path-taken', 'path-conflict', 'quota-exceeded', 'checksum-mismatch'])

export type Waiting = { readonly why: 'offline' | 'lost' | 'busy'; readonly seconds: number }

export interface TusOptions<T> {
  readonly content: Content
  readonly endpoint: string
  /** Of an upload that an earlier page began: it is gone on with, or it is gone. */
  readonly uploadUrl?: string | undefined
  readonly metadata: Record<string, string>
  readonly signal: AbortSignal
  readonly onProgress: (sent: number) => void
  /** The upload's address, and when the server forgets it (ms since 1970), if it says so. */
  readonly onUrl: (url: string, expiresAt: number | undefined) => void
  readonly onWaiting: (waiting: Waiting, retryNow: () => void) => void
  /** It goes on after waiting. */
  readonly onGoing: () => void
  /** What the last answer tells of the whole upload; undefined when it tells nothing of use. */
  readonly readDone: (response: HttpResponse, endpoint: string) => T | undefined
}

/** Ends one attempt in a way that another one may follow. */
class TryLater extends Error {
  readonly why: 'lost' | 'busy'
  readonly retryAfterS: number

  constructor(why: 'lost' | 'busy', retryAfterS = 0) {
    super(why)
    this.why = why
    this.retryAfterS = retryAfterS
  }
}

/** The server knows nothing of an upload any more that an earlier page began. */
export class UploadGone extends Error {}

/** @throws Refused, FilesChanged, UploadGone, or the signal's reason */
export async function sendByTus<T>(options: TusOptions<T>): Promise<T> {
  const { signal } = options
  let url = options.uploadUrl
  for (let failures = 0; ; failures++) {
    signal.throwIfAborted()
    let moved = false
    const attempt = {
      ...options,
      uploadUrl: url,
      mayCreate: options.uploadUrl === undefined,
      onUrl: (next: string, expiresAt: number | undefined) => {
        url = next
        options.onUrl(next, expiresAt)
      },
      onProgress: (sent: number) => {
        options.onProgress(sent)
        moved = true
      }
    }
    try {
      return await sendOnce(attempt)
    } catch (error) {
      if (!(error instanceof TryLater)) throw error
      if (moved) failures = 0
      await pause(error, failures, options)
    }
  }
}

/** Waits for a while, for the connection to be back, or for somebody who does not want to wait. */
async function pause(
  { why, retryAfterS }: TryLater,
  failures: number,
  { signal, onWaiting, onGoing }: Pick<TusOptions<unknown>, 'signal' | 'onWaiting' | 'onGoing'>
): Promise<void> {
  const seconds = Math.max(retryAfterS, PAUSES_S[failures] ?? PAUSES_S.at(-1) ?? 1)
  await new Promise<void>((resolve, reject) => {
    let left = seconds
    const end = (): void => {
      clearInterval(timer)
      window.removeEventListener('online', end)
      signal.removeEventListener('abort', stop)
      resolve()
    }
    const stop = (): void => {
      end()
      reject(signal.reason as Error)
    }
    const tell = (): void => onWaiting({ why: navigator.onLine ? why : 'offline', seconds: left }, end)
    const timer = setInterval(() => {
      // the browser says when the line is back; until then there is nothing to try
      if (navigator.onLine) left--
      if (left <= 0) end()
      else tell()
    }, 1000)
    window.addEventListener('online', end)
    signal.addEventListener('abort', stop)
    tell()
  })
  onGoing()
}

function sendOnce<T>(options: TusOptions<T> & { mayCreate: boolean }): Promise<T> {
  const { content, endpoint, uploadUrl, mayCreate, metadata, signal } = options
  return new Promise((resolve, reject) => {
    let changed: FilesChanged | undefined
    let isOver = false
    const source = {
      size: content.sizeBytes,
      slice: async (start: number, end: number) => {
        // to read large files again takes minutes, and says nothing of the line
        watchdog.stop()
        const bytes = await content.part(start, end).catch((error: unknown) => {
          if (error instanceof FilesChanged) changed = error
          throw error
        })
        if (!isOver) watchdog.moved()
        return { value: new Blob([bytes]), done: start + bytes.byteLength === content.sizeBytes }
      },
      close: () => undefined
    }
    const upload = new Upload(new Blob(), {
      // without it the library begins no other upload in place of one that is gone
      endpoint: mayCreate ? endpoint : null,
      ...(uploadUrl !== undefined && { uploadUrl }),
      metadata,
      chunkSize: PART_BYTES,
      retryDelays: null,
      storeFingerprintForResuming: false,
      headers: { Accept: 'application/json' },
      fileReader: { openFile: async () => source },
      onUploadUrlAvailable: () => {
        if (upload.url !== null) options.onUrl(upload.url, expiresAt)
      },
      onAfterResponse: (request, response) => {
        watchdog.moved()
        expiresAt = expiryOf(response) ?? expiresAt
        throwIfLater(request, response, mayCreate)
      },
      onProgress: (sent) => {
        watchdog.moved()
        options.onProgress(sent)
      },
      onSuccess: ({ lastResponse }) => {
        end()
        const done = options.readDone(lastResponse, endpoint)
        if (done === undefined) reject(refusedBy('', pageTexts.upload.failed))
        else resolve(done)
      },
      onError: (error) => {
        end()
        reject(changed ?? judge(error))
      }
    })
    let expiresAt: number | undefined
    const watchdog = watch(() => {
      end()
      void upload.abort()
      reject(new TryLater('lost'))
    })
    const stop = (): void => {
      end()
      void upload.abort()
      reject(signal.reason as Error)
    }
    const end = (): void => {
      isOver = true
      watchdog.stop()
      signal.removeEventListener('abort', stop)
    }
    signal.addEventListener('abort', stop)
    upload.start()
  })
}

/** Calls when nothing has moved for too long: a laptop that was closed, a line that died without a word. */
function watch(onStall: () => void): { moved: () => void; stop: () => void } {
  let timer = setTimeout(onStall, STALL_MS)
  const stop = (): void => clearTimeout(timer)
  return {
    stop,
    moved: () => {
      stop()
      timer = setTimeout(onStall, STALL_MS)
    }
  }
}

const expiryOf = (response: HttpResponse): number | undefined => {
  const at = Date.parse(response.getHeader('Upload-Expires') ?? '')
  return Number.isNaN(at) ? undefined : at
}

/** The library would take a HEAD that is refused for an upload that is gone, and begin from the start. */
function throwIfLater(request: HttpRequest, response: HttpResponse, mayCreate: boolean): void {
  const status = response.getStatus()
  if (request.getMethod() !== 'HEAD') return
  if (!mayCreate && (status === 404 || status === 410)) throw new UploadGone()
  if (status < 500 && !LATER.has(status)) return
  throw new TryLater('busy', retryAfterOf(response))
}

const retryAfterOf = (response: HttpResponse): number => {
  const seconds = Number(response.getHeader('Retry-After') ?? '0')
  return Number.isFinite(seconds) ? seconds : 0
}

function judge(error: Error | DetailedError): Error {
  if (!('originalResponse' in error)) return error
  if (error.causingError instanceof TryLater || error.causingError instanceof UploadGone)
    return error.causingError
  const response = error.originalResponse
  const status = response?.getStatus() ?? 0
  if (response === null || status === 0) return new TryLater('lost')
  const refused = refusedBy(response.getBody(), pageTexts.upload.failed)
  // an answer to HEAD has no body to say so
  if (status === 401) return new Refused('credentials-invalid', refused.message)
  if (FINAL.has(refused.code)) return refused
  if (status >= 500 || LATER.has(status)) return new TryLater('busy', retryAfterOf(response))
  // the upload is not there any more: the next attempt asks, and begins another one
  if (status === 404 || status === 410) return new TryLater('lost')
  return refused
}

/** The link that an upload ends with. */
export function linkOfUpload(response: HttpResponse, base: string): UploadDone | undefined {
  const link = response.getHeader('X-Link')
  if (link === undefined) return undefined
  const absolute = (name: string): string => new URL(response.getHeader(name) ?? '', base).href
  return {
    link: new URL(link, base).href,
    deleteUrl: absolute('X-Url-Delete'),
    senderUrl: absolute('X-Url-Sender'),
    expiresAt: response.getHeader('X-Expires') ?? ''
  }
}
