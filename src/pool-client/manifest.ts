import { PeerbinError } from '../errors.ts'
import { manifestFile } from './answers.ts'
import type { ManifestFile } from './answers.ts'
import type { PoolHttp } from './http.ts'

/** A line has a name, a path and 4 KiB of metadata at most. */
const LINE_LENGTH_MAX = 64 * 1024

/** Files of a group from lines of JSON, as they arrive. @throws `protocol-violation` */
export async function* manifestOf(
  pieces: AsyncIterable<Uint8Array>,
  http: Pick<PoolHttp, 'parsed'>
): AsyncGenerator<ManifestFile, void, undefined> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const piece of pieces) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > LINE_LENGTH_MAX)
      throw new PeerbinError('protocol-violation', 'a line of the manifest is too long')
    for (const line of lines) if (line !== '') yield http.parsed(manifestFile, line)
  }
  if (rest !== '') yield http.parsed(manifestFile, rest)
}
