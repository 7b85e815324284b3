/**
 * Headers of a tar archive, made of a file's path, length and time alone: so the place of every byte is known before the first one is sent. ustar (POSIX.1-1988), and a pax extended
 * header (POSIX.1-2001) before a file whose path or length it cannot say.
 */

export const BLOCK_BYTES = 512
/** Two blocks of zeros. */
export const TRAILER_BYTES = 2 * BLOCK_BYTES

const NAME_BYTES_MAX = 100
/** Eleven octal digits. */
const OCTAL_MAX = 0o77777777777
/** What a ustar name takes as it is. */
// oxlint-disable-next-line no-control-regex -- ASCII
const ASCII = /^[\x20-\x7e]*$/

export interface TarFile {
  readonly path: string
  readonly sizeBytes: number
  /** Ms since 1970. */
  readonly at: number
}

/** Bytes that fill the last block of so many. */
export const paddingBytes = (sizeBytes: number): number =>
  (BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES

/** `LENGTH key=value\n`, where the length counts its own digits. */
function paxRecord(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`)
  let length = rest + String(rest).length
  // one digit more may be needed to say so
  if (rest + String(length).length !== length) length = rest + String(length).length
  return `${length} ${key}=${value}\n`
}

const fitsName = (path: string): boolean => path.length <= NAME_BYTES_MAX && ASCII.test(path)

function paxRecords({ path, sizeBytes }: TarFile): string {
  const pathRecord = fitsName(path) ? '' : paxRecord('path', path)
  return pathRecord + (sizeBytes > OCTAL_MAX ? paxRecord('size', String(sizeBytes)) : '')
}

const octal = (value: number, length: number): string =>
  `${Math.min(value, 8 ** (length - 1) - 1)
    .toString(8)
    .padStart(length - 1, '0')}\0`

/** One block. @param type `0`: a file; `x`: a pax header of the next one */
function block(name: string, sizeBytes: number, at: number, type: '0' | 'x'): Buffer {
  const bytes = Buffer.alloc(BLOCK_BYTES)
  const seconds = Math.max(0, Math.floor(at / 1000))
  bytes.write(name, 0, NAME_BYTES_MAX, 'latin1')
  bytes.write('0000644\0' + '0000000\0' + '0000000\0', 100, 'latin1')
  bytes.write(octal(sizeBytes, 12) + octal(seconds, 12), 124, 'latin1')
  bytes.write(' '.repeat(8), 148, 'latin1') // its own place, as the sum counts it
  bytes.write(type, 156, 'latin1')
  bytes.write('ustar\0' + '00', 257, 'latin1')
  bytes.write('0000000\0' + '0000000\0', 329, 'latin1')
  const sum = bytes.reduce((total, byte) => total + byte, 0)
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return bytes
}

/** Length of what stands before a file's bytes. */
export function tarHeaderBytes(file: TarFile): number {
  const records = Buffer.byteLength(paxRecords(file))
  return records === 0 ? BLOCK_BYTES : BLOCK_BYTES + records + paddingBytes(records) + BLOCK_BYTES
}

/** What stands before a file's bytes. */
export function tarHeader(file: TarFile): Buffer {
  const { path, sizeBytes, at } = file
  // what reads no pax headers has to do with this
  const plain = fitsName(path) ? path : path.replace(/[^\x20-\x7e]/g, '_').slice(-NAME_BYTES_MAX)
  const header = block(plain, sizeBytes, at, '0')
  const records = Buffer.from(paxRecords(file))
  if (records.byteLength === 0) return header
  const before = block('PaxHeaders/file', records.byteLength, at, 'x')
  return Buffer.concat([before, records, Buffer.alloc(paddingBytes(records.byteLength)), header])
}
