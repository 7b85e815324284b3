/** The same in TypeScript, by @noble: for pages that came over plain HTTP, where browsers keep WebCrypto back. Some ten times slower. */

import { gcm } from '@noble/ciphers/aes.js'
import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import type { Primitives } from './primitives.ts'

/** A copy in memory of its own: what the library gives may be a view. */
const own = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes)

export const portable: Primitives = {
  hkdf: async (secret, info, lengthBytes) =>
    own(hkdf(sha256, secret, new Uint8Array(0), new TextEncoder().encode(info), lengthBytes)),
  gcm: async (key) => ({
    seal: async (nonce, plain) => own(gcm(key, nonce).encrypt(plain)),
    open: async (nonce, sealed) => own(gcm(key, nonce).decrypt(sealed))
  }),
  randomBytes: (length) => globalThis.crypto.getRandomValues(new Uint8Array(length))
}
