/** Sends one small file by the form that works without scripts too: one request, and nothing to go on with if it breaks. */

import { pageTexts } from '../../src/edge/page-texts.ts'
import { Refused, refusedBy } from './answer.ts'
import type { UploadDone } from './answer.ts'

interface FormOptions {
  readonly file: File
  readonly fields: Record<string, string>
  readonly signal: AbortSignal
  readonly onProgress: (share: number) => void
}

/** @throws Refused, or the signal's reason */
export function sendByForm({ file, fields, signal, onProgress }: FormOptions): Promise<UploadDone> {
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.set(name, value)
  form.set('file', file)
  const request = new XMLHttpRequest()
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      request.abort()
      reject(signal.reason as Error)
    }
    signal.addEventListener('abort', stop)
    request.addEventListener('loadend', () => signal.removeEventListener('abort', stop))
    request.upload.addEventListener('progress', ({ loaded, total }) =>
      onProgress(loaded / Math.max(1, total))
    )
    request.addEventListener('error', () => reject(new Refused('connection', pageTexts.upload.broken)))
    request.addEventListener('load', () => {
      const done = request.status === 201 ? answerOf(request.responseText) : undefined
      if (done === undefined) reject(refusedBy(request.responseText, pageTexts.upload.failed))
      else resolve(done)
    })
    request.open('POST', '/upload')
    request.setRequestHeader('Accept', 'application/json')
    request.send(form)
  })
}

function answerOf(body: string): UploadDone | undefined {
  const answer: unknown = JSON.parse(body)
  const text = (name: string): string => {
    const value: unknown = typeof answer === 'object' && answer !== null ? Reflect.get(answer, name) : ''
    return typeof value === 'string' ? value : ''
  }
  return {
    link: text('url'),
    deleteUrl: text('deleteUrl'),
    senderUrl: text('senderUrl'),
    expiresAt: text('expiresAt')
  }
}
