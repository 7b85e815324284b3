/** Room for the bodies of commits, which can be long lists: parsed they take several times as much, and are held until the files are made. */

import { PeerbinError } from '../../errors.ts'

/** Bytes of bodies at once, of everybody on this edge: about ten times as much memory, beside `edge.memoryBytes`. */
const ALL_BYTES_MAX = 32 * 1024 * 1024
/** And of one user, so that nobody has all of it. */
const USER_BYTES_MAX = 16 * 1024 * 1024
/** A body so short counts for nothing, as with every other route: a slow sender of lists keeps nobody from making small files. */
const FREE_BYTES_MAX = 64 * 1024
const RETRY_MS = 2000

export class ListRoom {
  readonly #perUser = new Map<string, number>()
  #bytes = 0

  /** Takes room before anything of a body is read, until it is disposed of. @throws `too-many-transfers` where the user has had their share, `busy` where others have the rest */
  take(user: string, bodyBytes: number): Disposable {
    const bytes = bodyBytes <= FREE_BYTES_MAX ? 0 : bodyBytes
    const own = this.#perUser.get(user) ?? 0
    if (own + bytes > USER_BYTES_MAX)
      throw new PeerbinError('too-many-transfers', '', { retryAfterMs: RETRY_MS })
    if (this.#bytes + bytes > ALL_BYTES_MAX) throw new PeerbinError('busy', '', { retryAfterMs: RETRY_MS })
    let isOpen = bytes > 0
    if (isOpen) this.#perUser.set(user, own + bytes)
    this.#bytes += bytes
    return {
      [Symbol.dispose]: () => {
        if (!isOpen) return
        isOpen = false
        this.#bytes -= bytes
        const left = (this.#perUser.get(user) ?? bytes) - bytes
        if (left === 0) this.#perUser.delete(user)
        else this.#perUser.set(user, left)
      }
    }
  }
}
