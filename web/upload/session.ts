/** One upload from beginning to end: the plan, the keys, the way it is sent, and what is kept for a reload. */

import type { BundleIndex } from '../../src/bundle/index.ts'
import { isSingle } from '../../src/bundle/index.ts'
import { deriveLinkKeys, newLinkSecret } from '../../src/encryption/link-keys.ts'
import type { LinkKeys } from '../../src/encryption/link-keys.ts'
import { ENCRYPTION } from '../../src/encryption/scheme.ts'
import { pageCrypto, sha256Hex } from '../crypto/page-crypto.ts'
import type { UploadDone } from './answer.ts'
import { Content, FilesChanged } from './content.ts'
import type { Mark } from './file-checksums.ts'
import { filePayload } from './file-payload.ts'
import { sendByForm } from './form-send.ts'
import type { Plan } from './plan.ts'
import { forgetUpload, keepMark, keepUpload } from './stored-upload.ts'
import type { StoredUpload } from './stored-upload.ts'
import type { Waiting } from './tus-send.ts'

/** One plain file of up to one chunk goes by form. */
const FORM_BYTES_MAX = 4 * 1024 * 1024

export interface UploadOptions {
  readonly downloads: number
  readonly seconds: number
  /** Empty: none. */
  readonly password: string
}

/** What is told while it runs. */
export interface Report {
  /** Where the upload is on the server. */
  onUrl: (url: string) => void
  onProgress: (sent: number, total: number) => void
  /** Files are read again, to see that they are the same. */
  onChecking: (share: number) => void
  onWaiting: (waiting: Waiting, retryNow: () => void) => void
  onGoing: () => void
}

export interface Sent extends UploadDone {
  /** Belongs behind the `#` of the link. */
  readonly secret: string | undefined
}

interface Session {
  readonly files: readonly File[]
  readonly plan: Plan
  readonly signal: AbortSignal
  readonly report: Report
}

/** @throws Refused, FilesChanged when files cannot be read any more, or the signal's reason */
export async function startUpload(
  session: Session & { options: UploadOptions; isFolder: boolean }
): Promise<Sent> {
  const { files, plan, options, isFolder, signal, report } = session
  const [file] = files
  const terms = { downloads: String(options.downloads), expires: String(options.seconds) }
  const password = options.password === '' ? {} : { password: options.password }
  if (file !== undefined && !plan.isEncrypted && isSingle(plan.index) && file.size <= FORM_BYTES_MAX) {
    const done = await sendByForm({
      file,
      fields: { ...terms, ...password },
      signal,
      onProgress: (share) => report.onProgress(share * plan.payloadBytes, plan.payloadBytes)
    })
    return { ...done, secret: undefined }
  }
  const key = plan.isEncrypted ? await newKey() : undefined
  const metadata = { ...terms, ...password, ...fileMetadata(plan, key?.proofHash) }
  forgetUpload()
  const done = await send(session, {
    keys: key?.keys,
    metadata,
    onUrl: (url, expiresAt) =>
      void keepUpload(
        {
          url,
          index: plan.index,
          isFolder,
          secret: key?.secret,
          hasPassword: options.password !== '',
          downloads: options.downloads,
          seconds: options.seconds
        },
        expiresAt
      )
  })
  return { ...done, secret: key?.secret }
}

/**
 * Goes on with an upload of an earlier page.
 * @throws UploadGone, FilesChanged when the files are others than those a part was sent of; and as startUpload
 */
export async function resumeUpload(session: Session, stored: StoredUpload & { mark: Mark }): Promise<Sent> {
  const { secret, url, mark } = stored
  const keys =
    secret === undefined ? undefined : await deriveLinkKeys(secret, (await pageCrypto()).primitives)
  const done = await send(session, { keys, metadata: {}, uploadUrl: url, mark, onUrl: () => undefined })
  return { ...done, secret }
}

interface Sending {
  readonly keys: LinkKeys | undefined
  readonly metadata: Record<string, string>
  readonly uploadUrl?: string
  readonly mark?: Mark
  readonly onUrl: (url: string, expiresAt: number | undefined) => void
}

async function send({ files, plan, signal, report }: Session, sending: Sending): Promise<UploadDone> {
  const { keys, metadata, uploadUrl, mark, onUrl } = sending
  // an encrypted plan without keys would send everything in the clear
  if (plan.isEncrypted !== (keys !== undefined)) throw new Error('the plan and the keys do not agree')
  const { sendByTus, linkOfUpload } = await import('./tus-send.ts')
  let url = uploadUrl ?? ''
  if (uploadUrl !== undefined) report.onUrl(uploadUrl)
  const content = new Content({
    plan,
    payload: filePayload(files),
    keys,
    ...(mark !== undefined && { mark }),
    onMark: (next) => keepMark(url, next),
    onChecking: report.onChecking
  })
  try {
    const done = await sendByTus({
      content,
      endpoint: new URL('/files/', location.href).href,
      uploadUrl,
      metadata,
      signal,
      onUrl: (next, expiresAt) => {
        url = next
        report.onUrl(next)
        onUrl(next, expiresAt)
      },
      onProgress: (sent) => report.onProgress(sent, content.sizeBytes),
      onWaiting: report.onWaiting,
      onGoing: report.onGoing,
      readDone: linkOfUpload
    })
    forgetUpload()
    return done
  } catch (error) {
    // the secret has sealed other bytes: it is never used again
    if (error instanceof FilesChanged) forgetUpload()
    throw error
  }
}

async function newKey(): Promise<{ secret: string; keys: LinkKeys; proofHash: string }> {
  const crypto = await pageCrypto()
  const secret = newLinkSecret(crypto.primitives)
  const keys = await deriveLinkKeys(secret, crypto.primitives)
  return { secret, keys, proofHash: await sha256Hex(crypto, keys.proof) }
}

/** What the server is told of the content: of what is encrypted, neither name nor type. */
function fileMetadata({ index, isEncrypted, indexBytes }: Plan, proofHash: string | undefined) {
  if (isEncrypted)
    return {
      indexbytes: String(indexBytes),
      encryption: ENCRYPTION,
      ...(proofHash !== undefined && { proofhash: proofHash })
    }
  const type = singleType(index)
  return {
    filename: index.name,
    ...(type !== undefined && { filetype: type }),
    ...(indexBytes > 0 && { indexbytes: String(indexBytes) })
  }
}

const singleType = (index: BundleIndex): string | undefined =>
  isSingle(index) ? index.entries[0]?.mediaType : undefined
