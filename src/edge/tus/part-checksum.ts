/** The checksum extension of tus 1.0: a request says what its bytes must add up to, and they are kept only if they do. */

import { createHash, timingSafeEqual } from 'node:crypto'
import { PeerbinError } from '../../errors.ts'

export const CHECKSUM_ALGORITHMS = ['sha1', 'md5', 'sha256'] as const
const BYTES = { sha1: 20, md5: 16, sha256: 32 }

export interface PartChecksum {
  /** Passes the bytes on. */
  watch(bytes: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>
  /** @throws `part-mismatch` */
  verify(): void
}

/** @param header `Upload-Checksum`: an algorithm, a space, base64. @throws `bad-request`, as tus has it for an algorithm that is not known */
export function partChecksum(header: string | undefined): PartChecksum | undefined {
  if (header === undefined) return undefined
  const [name, text = '', ...rest] = header.trim().split(' ')
  const algorithm = CHECKSUM_ALGORITHMS.find((each) => each === name)
  const expected = Buffer.from(text, 'base64')
  if (algorithm === undefined || rest.length > 0 || expected.byteLength !== BYTES[algorithm]) {
    const names = CHECKSUM_ALGORITHMS.join(', ')
    throw new PeerbinError(
      'bad-request',
      `Upload-Checksum: write it as ALGORITHM BASE64, with one of ${names}`
    )
  }
  const hash = createHash(algorithm)
  return {
    watch: async function* (bytes) {
      for await (const piece of bytes) {
        hash.update(piece)
        yield piece
      }
    },
    verify: () => {
      if (!timingSafeEqual(hash.digest(), expected)) throw new PeerbinError('part-mismatch')
    }
  }
}
