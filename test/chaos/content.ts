/** File contents that follow from a seed: nothing has to be kept to check a download. */

import { createCipheriv, createHash } from 'node:crypto'

/** Bytes of file `index` in the run with `seed`. */
export function contentOf(seed: number, index: number, sizeBytes: number): Buffer {
  const key = createHash('sha256').update(`content ${seed} ${index}`).digest()
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(sizeBytes))
}

export const sha256Hex = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
