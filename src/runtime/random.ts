import { randomBytes } from 'node:crypto'
import type { Random } from '../interfaces.ts'

/** The operating system's generator; good enough for secrets. */
export const systemRandom: Random = {
  bytes: (length) => new Uint8Array(randomBytes(length)),
  fraction: () => Math.random()
}

/** A version 4 UUID (RFC 9562) from an injected source of chance. */
export const randomUuid = (random: Random): string => uuidOf(random.bytes(16))

/** The version 4 UUID with these 16 bytes, which it changes: 122 bits of them are left. */
export function uuidOf(bytes: Uint8Array): string {
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = Buffer.from(bytes).toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
