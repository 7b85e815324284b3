/** What the scheme needs of cryptography. Two implementations: the platform's (web-crypto.ts), and one in plain TypeScript for pages without a secure context (portable.ts). */

/** AES-256-GCM with one key; the tag of 16 bytes stands behind what is sealed. */
export interface Gcm {
  seal(nonce: Uint8Array<ArrayBuffer>, plain: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>
  /** Rejects, with whatever error, when it was sealed with another key or nonce, or changed since. */
  open(nonce: Uint8Array<ArrayBuffer>, sealed: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>
}

export interface Primitives {
  /** HKDF with SHA-256 and an empty salt (RFC 5869). */
  hkdf(secret: Uint8Array<ArrayBuffer>, info: string, lengthBytes: number): Promise<Uint8Array<ArrayBuffer>>
  /** @param key 32 bytes */
  gcm(key: Uint8Array<ArrayBuffer>): Promise<Gcm>
  randomBytes(length: number): Uint8Array<ArrayBuffer>
}
