/** What the server knows of an upload that an earlier page began. */

import type { UploadDone } from './answer.ts'

/** What has become of it: how much is there, its link once it is whole, or nothing any more. Undefined when nobody could say. */
export async function findUpload(url: string): Promise<{ share: number } | UploadDone | 'gone' | undefined> {
  let response: Response
  try {
    response = await fetch(url, { method: 'HEAD', headers: { 'Tus-Resumable': '1.0.0' }, cache: 'no-store' })
  } catch {
    return undefined
  }
  if (response.status === 404 || response.status === 410) return 'gone'
  if (!response.ok) return undefined
  const { headers } = response
  const link = headers.get('x-link')
  if (link !== null)
    return {
      link,
      deleteUrl: headers.get('x-url-delete') ?? '',
      senderUrl: headers.get('x-url-sender') ?? '',
      expiresAt: headers.get('x-expires') ?? ''
    }
  const total = Number(headers.get('upload-length') ?? '0')
  return { share: total > 0 ? Number(headers.get('upload-offset') ?? '0') / total : 0 }
}
