/** The cryptography of this page: the browser's, or on plain HTTP a worker with @noble in it. */

import type { Primitives } from '../../src/encryption/primitives.ts'
import { hasWebCrypto, webCrypto } from '../../src/encryption/web-crypto.ts'
import type { Bytes } from './worker-messages.ts'

export interface PageCrypto {
  readonly primitives: Primitives
  readonly sha256: (bytes: Bytes) => Promise<Bytes>
}

/** Whether nobody on the way can have changed this page: HTTPS, or this machine. */
export const isConnectionProtected = (): boolean => window.isSecureContext

let opened: Promise<PageCrypto> | undefined

async function open(): Promise<PageCrypto> {
  if (hasWebCrypto())
    return {
      primitives: webCrypto,
      sha256: async (bytes) => new Uint8Array(await globalThis.crypto.subtle.digest('SHA-256', bytes))
    }
  const { startWorker } = await import('./worker-primitives.ts')
  const primitives = startWorker()
  return { primitives, sha256: primitives.sha256 }
}

/** Rejects when its code could not be loaded; the next call tries again. */
export async function pageCrypto(): Promise<PageCrypto> {
  opened ??= open()
  try {
    return await opened
  } catch (error) {
    opened = undefined
    throw error
  }
}

/** SHA-256 of a text in hex, as the server stores proofs. */
export async function sha256Hex({ sha256 }: PageCrypto, text: string): Promise<string> {
  const digest = await sha256(new TextEncoder().encode(text))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
