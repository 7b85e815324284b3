/** A multipart form with one file, as RFC 7578 and browsers write it. */

import type { Random } from '../../interfaces.ts'

export interface FormFile {
  readonly name: string
  readonly sizeBytes: number
  readonly mediaType: string
  readonly bytes: AsyncIterable<Uint8Array>
}

/** A field whose value is known only when the file has been sent: its length must be known before. */
export interface LateField {
  readonly name: string
  readonly sizeBytes: number
  readonly value: () => string
}

export interface Form {
  readonly contentType: string
  readonly sizeBytes: number
  readonly body: AsyncIterable<Uint8Array>
}

/** WHATWG HTML, "multipart/form-data encoding algorithm": these three are escaped, everything else goes as UTF-8. */
const escapeName = (name: string): string =>
  name.replaceAll('\r', '%0D').replaceAll('\n', '%0A').replaceAll('"', '%22')

/** Fields first, then the file, then the late field. */
export function multipartForm(
  fields: Readonly<Record<string, string>>,
  file: FormFile,
  late: LateField,
  random: Random
): Form {
  const boundary = `peerbin-${Buffer.from(random.bytes(18)).toString('hex')}`
  const part = (name: string, more = ''): string =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n`
  const before =
    Object.entries(fields)
      .map(([name, value]) => `${part(name)}\r\n${value}\r\n`)
      .join('') +
    part('file', `; filename="${escapeName(file.name)}"`) +
    `Content-Type: ${file.mediaType}\r\n\r\n`
  const between = `\r\n${part(late.name)}\r\n`
  const after = `\r\n--${boundary}--\r\n`
  const framing = Buffer.byteLength(before + between + after)
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    sizeBytes: framing + file.sizeBytes + late.sizeBytes,
    body: (async function* () {
      yield Buffer.from(before)
      yield* file.bytes
      yield Buffer.from(between + late.value() + after)
    })()
  }
}
