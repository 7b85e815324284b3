/** The queue's own copies of files, each under a name that nothing else has. */

import { createHash } from 'node:crypto'
import { mkdirSync, openAsBlob } from 'node:fs'
import { open, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { PeerbinError } from '../../errors.ts'

const FOLDER_MODE = 0o700
const FILE_MODE = 0o600

export interface Copied {
  readonly sizeBytes: number
  readonly sha256: string
}

export class BytesFolder {
  readonly #folder: string

  /** Makes it where it is not there. */
  constructor(folder: string) {
    this.#folder = folder
    mkdirSync(folder, { recursive: true, mode: FOLDER_MODE })
  }

  /** Durable when it resolves. @param bytesMax more than that is refused with what `full` makes */
  async copy(
    key: string,
    bytes: AsyncIterable<Uint8Array>,
    bytesMax: number,
    full: () => PeerbinError
  ): Promise<Copied> {
    const hash = createHash('sha256')
    let sizeBytes = 0
    {
      await using file = await open(this.#path(key), 'wx', FILE_MODE)
      for await (const piece of bytes) {
        sizeBytes += piece.byteLength
        if (sizeBytes > bytesMax) throw full()
        hash.update(piece)
        await file.writeFile(piece)
      }
      if (sizeBytes === 0) throw new PeerbinError('empty-file')
      await file.sync()
    }
    await using folder = await open(this.#folder, 'r')
    await folder.sync()
    return { sizeBytes, sha256: hash.digest('hex') }
  }

  /** @throws `local-file` where it is not as long as it was: it would be refused as what it is not */
  async blob(key: string, sizeBytes: number, mediaType: string): Promise<Blob> {
    const path = this.#path(key)
    if ((await stat(path)).size !== sizeBytes) throw new PeerbinError('local-file', 'its copy was changed')
    return await openAsBlob(path, { type: mediaType })
  }

  async remove(key: string): Promise<void> {
    await rm(this.#path(key), { force: true })
  }

  /** Removes what nobody knows and nobody has written to since `before` (ms since the epoch). */
  async sweep(isKnown: (key: string) => boolean, before: number): Promise<void> {
    for (const key of await readdir(this.#folder)) {
      if (isKnown(key)) continue
      const found = await stat(this.#path(key)).catch(() => undefined) // gone meanwhile
      if (found !== undefined && found.mtimeMs < before) await this.remove(key)
    }
  }

  #path(key: string): string {
    return join(this.#folder, key)
  }
}
