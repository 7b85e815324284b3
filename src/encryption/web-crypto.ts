/** WebCrypto: of Node, and of browsers where the page came over HTTPS or from this machine. */

import type { Primitives } from './primitives.ts'

/** Whether it is there: on plain HTTP browsers offer only its random numbers. */
export const hasWebCrypto = (): boolean => globalThis.crypto.subtle !== undefined

const bytesOf = (buffer: ArrayBuffer): Uint8Array<ArrayBuffer> => new Uint8Array(buffer)

export const webCrypto: Primitives = {
  async hkdf(secret, info, lengthBytes) {
    const { subtle } = globalThis.crypto
    const key = await subtle.importKey('raw', secret, 'HKDF', false, ['deriveBits'])
    const algorithm = {
      name: 'HKDF',
      hash: 'SHA-256',
      salt: new Uint8Array(0),
      info: new TextEncoder().encode(info)
    }
    return bytesOf(await subtle.deriveBits(algorithm, key, lengthBytes * 8))
  },

  async gcm(raw) {
    const { subtle } = globalThis.crypto
    const key = await subtle.importKey('raw', raw, 'AES-GCM', false, ['encrypt', 'decrypt'])
    return {
      seal: async (iv, plain) => bytesOf(await subtle.encrypt({ name: 'AES-GCM', iv }, key, plain)),
      open: async (iv, sealed) => bytesOf(await subtle.decrypt({ name: 'AES-GCM', iv }, key, sealed))
    }
  },

  randomBytes: (length) => globalThis.crypto.getRandomValues(new Uint8Array(length))
}
