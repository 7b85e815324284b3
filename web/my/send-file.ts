/** Sends one file to one's own files, by tus, so that it goes on after a break. */

import type { HttpResponse } from 'tus-js-client'
import { pageTexts } from '../../src/edge/page-texts.ts'

import { Content, FilesChanged } from '../upload/content.ts'
import { filePayload } from '../upload/file-payload.ts'
import { planUpload } from '../upload/plan.ts'
import type { Waiting } from '../upload/tus-send.ts'
import type { KeptUpload, KeptUploads } from './kept-uploads.ts'

export interface Stored {
  readonly id: string
  readonly version: number
}

export interface SendOptions {
  readonly file: File
  readonly path: string
  readonly kept: KeptUploads
  readonly signal: AbortSignal
  readonly onUrl: (url: string) => void
  readonly onProgress: (sent: number) => void
  readonly onWaiting: (waiting: Waiting, retryNow: () => void) => void
  readonly onGoing: () => void
  /** What an earlier page had begun is gone or of another content: it is sent from the beginning. */
  readonly onRestart: () => void
}

/** @throws Refused, FilesChanged when the file cannot be read any more, or the signal's reason */
export async function sendFile(options: SendOptions): Promise<Stored> {
  const { kept, path, file, onRestart } = options
  const { UploadGone } = await import('../upload/tus-send.ts')
  const begun = kept.find(path, file)
  // without a mark nobody could say whether the file is the same
  if (begun?.mark === undefined) {
    if (begun !== undefined) kept.forget(begun.url)
    return await send(options, undefined)
  }
  try {
    return await send(options, begun)
  } catch (error) {
    kept.forget(begun.url)
    if (!(error instanceof UploadGone || error instanceof FilesChanged)) throw error
    onRestart()
    return await send(options, undefined)
  }
}

async function send(options: SendOptions, begun: KeptUpload | undefined): Promise<Stored> {
  const { file, path, kept, signal } = options
  const { sendByTus } = await import('../upload/tus-send.ts')
  const plan = planUpload(
    [{ path: file.name, sizeBytes: file.size, mediaType: file.type, modifiedAt: file.lastModified }],
    { isEncrypted: false, bundleName: pageTexts.upload.bundleName(1) }
  )
  let url = begun?.url ?? ''
  if (begun !== undefined) options.onUrl(begun.url)
  const content = new Content({
    plan,
    payload: filePayload([file]),
    ...(begun?.mark !== undefined && { mark: begun.mark }),
    onMark: (mark) => kept.mark(url, mark)
  })
  const type = plan.index.entries[0]?.mediaType
  const stored = await sendByTus({
    content,
    endpoint: new URL('/files/', location.href).href,
    uploadUrl: begun?.url,
    metadata: {
      path,
      account: '1',
      filename: plan.index.name,
      ...(type !== undefined && { filetype: type })
    },
    signal,
    onUrl: (next, expiresAt) => {
      if (next !== url)
        kept.keep({ url: next, path, bytes: file.size, modifiedAt: file.lastModified }, expiresAt)
      url = next
      options.onUrl(next)
    },
    onProgress: options.onProgress,
    onWaiting: options.onWaiting,
    onGoing: options.onGoing,
    readDone: storedBy
  })
  kept.forget(url)
  return stored
}

function storedBy(response: HttpResponse): Stored | undefined {
  const id = response.getHeader('X-File-Id')
  return id === undefined ? undefined : { id, version: Number(response.getHeader('X-File-Version') ?? '1') }
}

/** So that the server does not keep it until it expires; it does not matter if that fails. */
export function giveUp(url: string): void {
  void fetch(url, { method: 'DELETE', headers: { 'Tus-Resumable': '1.0.0' } }).catch(() => undefined)
}
