/** Headers of a download (docs/share-links.md). */

import { create as contentDisposition } from 'content-disposition'
import type { ByteRange } from '../types.ts'
import type { Delivery } from './delivery/delivery.ts'
import { reprDigest } from './http/digests.ts'
import { contentRange, etagOf } from './http/range.ts'
import { claimPath } from './http/origin.ts'

/** Whatever the file is, no browser may open it in the name of this site. */
export const DOWNLOAD_POLICY: Record<string, string> = {
  'content-type': 'application/octet-stream',
  'content-security-policy': "sandbox; default-src 'none'",
  'cache-control': 'no-store, no-transform',
  'accept-ranges': 'bytes'
}

/** What is known of what is delivered, with or without a claim. */
export const deliveryHeaders = ({ name, sha256 }: Delivery): Record<string, string> => ({
  ...DOWNLOAD_POLICY,
  'content-disposition': contentDisposition(name),
  ...(sha256 !== undefined && { 'repr-digest': reprDigest(sha256) })
})

/** Headers for the claimant: his secret goes back to him in three ways, so that ordinary clients resume without knowing about it. */
export const claimHeaders = (
  token: string,
  secret: string,
  { cookie, entry }: { cookie: string; entry: number | undefined }
): Record<string, string> => ({
  etag: etagOf(secret),
  'content-location': claimPath(token, secret, entry),
  'set-cookie': cookie
})

/** Length, and position for a 206. */
export const rangeHeaders = (
  range: ByteRange,
  sizeBytes: number,
  partial: boolean
): Record<string, string> => ({
  'content-length': String(range.end - range.start),
  ...(partial && { 'content-range': contentRange(range, sizeBytes) })
})
