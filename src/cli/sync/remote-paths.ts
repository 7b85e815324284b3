/** Which files of an account are in a synced folder: their paths here and there, and what the server said of them last. */

import { foldPath } from '../../bundle/paths.ts'
import type { RemoteFile } from '../../sync/remote.ts'
import type { EntryId } from '../../types.ts'
import { remoteFileOf } from './remote-answers.ts'
import type { RemoteFileAnswer } from './remote-answers.ts'

/** Files of which it is remembered what the server said last, so that its own echo is not asked about. */
const KNOWN_MAX = 100_000

export class RemotePaths {
  /** Empty, or with a slash at its end. */
  readonly #folder: string
  readonly #known = new Map<EntryId, RemoteFile>()

  /** @param folder of the account's files; empty: all of them */
  constructor(folder: string) {
    this.#folder = folder === '' ? '' : `${folder}/`
  }

  /** Undefined: all files of the account are synced. */
  get folder(): string | undefined {
    return this.#folder === '' ? undefined : this.#folder.slice(0, -1)
  }

  pathThere(path: string): string {
    return this.#folder + path
  }

  /** Undefined: not below the folder that is synced. Its name may be spelled in another case. */
  #pathHere(path: string): string | undefined {
    if (this.#folder === '') return path
    const isBelow = foldPath(path.slice(0, this.#folder.length)) === foldPath(this.#folder)
    return isBelow ? path.slice(this.#folder.length) : undefined
  }

  /** Undefined: it is somewhere else, or has no content. */
  fileOf(answer: RemoteFileAnswer): RemoteFile | undefined {
    const path = this.#pathHere(answer.path)
    const file = path === undefined ? undefined : remoteFileOf(answer, path)
    if (file !== undefined) this.know(file)
    return file
  }

  know(file: RemoteFile): void {
    if (this.#known.size >= KNOWN_MAX) this.#known.clear()
    this.#known.set(file.id, file)
  }

  known(id: EntryId): RemoteFile | undefined {
    return this.#known.get(id)
  }

  forget(id: EntryId): void {
    this.#known.delete(id)
  }
}
