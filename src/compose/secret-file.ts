/** Small files that nobody but their owner may read, and the folders they are in. */

import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { PeerbinError } from '../errors.ts'

const OWNER_ONLY = 0o600

/** The bytes of a file, or undefined when there is none. @throws `local-file` */
export async function readSecretFile(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw new PeerbinError('local-file', `cannot read ${path}`, { cause: error })
  }
}

/** Puts a file in place at once, mode 0600; when it resolves, the new content survives power loss. @throws `local-file` */
export async function writeSecretFile(path: string, bytes: Uint8Array): Promise<void> {
  const fresh = `${path}.new`
  try {
    {
      await using file = await open(fresh, 'w', OWNER_ONLY)
      await file.chmod(OWNER_ONLY) // a file left over by a crash keeps its old mode
      await file.writeFile(bytes)
      await file.sync()
    }
    await rename(fresh, path)
    await using folder = await open(dirname(path), 'r')
    await folder.sync()
  } catch (error) {
    throw new PeerbinError('local-file', `cannot write ${path}`, { cause: error })
  }
}

/** Makes a folder that only its owner may enter. @throws `local-file` */
export async function ensureFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new PeerbinError('local-file', `cannot make the data folder ${folder}`, { cause: error })
  }
}
