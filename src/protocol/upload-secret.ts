/**
 * The secret in the address of an upload that goes on later. Only what is derived from it is stored, so that any edge can go on and end the upload, a lost last answer can be given
 * again, and nobody who reads the metadata can do either.
 */

import { createHmac } from 'node:crypto'
import type { Random } from '../interfaces.ts'
import { uuidOf } from '../runtime/random.ts'
import type { EntryId, FileId, LinkToken, UploadId } from '../types.ts'
import { TOKEN_BYTES, isClaimSecret, newClaimSecret } from './secrets.ts'

/** What one upload is, and what it will be: all that its secret is good for. */
export interface UploadKeys {
  readonly upload: UploadId
  readonly file: FileId
  readonly token: LinkToken
  readonly deleteSecret: string
  /** Of a user's file that is new. */
  readonly entry: EntryId
}

/** 256 random bits in base64url, 43 characters. */
export const newUploadSecret = (random: Random): string => newClaimSecret(random)
export const isUploadSecret = (text: string): boolean => isClaimSecret(text)

/** HMAC-SHA-256 with the secret as its key: none of them tells anything about the others. */
export function uploadKeys(secret: string): UploadKeys {
  const derive = (what: string, length: number): Buffer =>
    createHmac('sha256', Buffer.from(secret, 'base64url'))
      .update(`peerbin/upload/1/${what}`)
      .digest()
      .subarray(0, length)
  return {
    upload: uuidOf(derive('id', 16)) as UploadId,
    file: uuidOf(derive('file', 16)) as FileId,
    token: derive('token', TOKEN_BYTES).toString('base64url') as LinkToken,
    deleteSecret: derive('delete', TOKEN_BYTES).toString('base64url'),
    entry: uuidOf(derive('entry', 16)) as EntryId
  }
}
