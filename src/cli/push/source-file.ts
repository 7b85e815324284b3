/** A local file that is read while it is sent. */

import { open } from 'node:fs/promises'
import { PeerbinError } from '../../errors.ts'

const PIECE_BYTES = 256 * 1024

export interface SourceFile extends AsyncDisposable {
  readonly sizeBytes: number
  /** Exactly `sizeBytes` bytes. @throws `local-file` when the file is shorter or longer by now */
  read(): AsyncIterable<Uint8Array>
}

/** @throws `local-file` when it cannot be read or is no file, `empty-file` */
export async function openSource(path: string): Promise<SourceFile> {
  try {
    const handle = await open(path, 'r')
    const stat = await handle.stat()
    if (!stat.isFile() || stat.size === 0) {
      await handle.close()
      throw stat.isFile()
        ? new PeerbinError('empty-file', `${path} is empty; there is nothing to share`)
        : new PeerbinError('local-file', `${path} is not a file`)
    }
    return {
      sizeBytes: stat.size,
      read: async function* () {
        let position = 0
        for (;;) {
          const { bytesRead, buffer } = await handle.read(
            Buffer.allocUnsafe(PIECE_BYTES),
            0,
            PIECE_BYTES,
            position
          )
          position += bytesRead
          if (position > stat.size || (bytesRead === 0 && position < stat.size))
            throw new PeerbinError('local-file', `${path} changed while it was sent`)
          if (bytesRead === 0) return
          yield buffer.subarray(0, bytesRead)
        }
      },
      [Symbol.asyncDispose]: () => handle.close()
    }
  } catch (error) {
    if (error instanceof PeerbinError) throw error
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    throw new PeerbinError('local-file', missing ? `${path} does not exist` : `cannot read ${path}`, {
      cause: error
    })
  }
}
