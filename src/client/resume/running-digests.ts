/** Digests of a file that comes in parts, through several processes: their states can be stored and gone on with. */

import { createMD5, createSHA256 } from 'hash-wasm'
import type { IHasher } from 'hash-wasm'
import { z } from 'zod'

/** The state of a hash function is as good as the bytes of its last block: it stays within the cluster, as the plan does. */
const saved = z.strictObject({
  v: z.literal(1),
  at: z.int().min(0),
  sha256: z.base64(),
  md5: z.base64().optional()
})

const stateOf = (hasher: IHasher): string => Buffer.from(hasher.save()).toString('base64')

export class RunningDigests {
  readonly #sha256: IHasher
  /** Only where one is expected: it takes longer than all else. */
  readonly #md5: IHasher | undefined
  #at: number

  private constructor(sha256: IHasher, md5: IHasher | undefined, at: number) {
    this.#sha256 = sha256
    this.#md5 = md5
    this.#at = at
  }

  static async begin(withMd5: boolean): Promise<RunningDigests> {
    return new RunningDigests(
      (await createSHA256()).init(),
      withMd5 ? (await createMD5()).init() : undefined,
      0
    )
  }

  /** From a text of `save`, or from the start when it is none that can be used: of another version of the library, without MD5, or further than `limit`. */
  static async restore(text: string | null, limit: number, withMd5: boolean): Promise<RunningDigests> {
    const digests = await RunningDigests.begin(withMd5)
    return (text === null ? undefined : digests.#load(text, limit)) ?? digests
  }

  #load(text: string, limit: number): RunningDigests | undefined {
    try {
      const { at, sha256, md5 } = saved.parse(JSON.parse(text))
      if (at > limit || (this.#md5 !== undefined && md5 === undefined)) return undefined
      const load = (hasher: IHasher, state: string): IHasher => hasher.load(Buffer.from(state, 'base64'))
      return new RunningDigests(
        load(this.#sha256, sha256),
        this.#md5 && md5 !== undefined ? load(this.#md5, md5) : undefined,
        at
      )
    } catch {
      // whatever is wrong with it, the bytes themselves are there to be read again
      this.#sha256.init()
      this.#md5?.init()
      return undefined
    }
  }

  /** How many bytes of the file it has seen. */
  get at(): number {
    return this.#at
  }

  update(bytes: Uint8Array): void {
    this.#sha256.update(bytes)
    this.#md5?.update(bytes)
    this.#at += bytes.byteLength
  }

  /** At most UPLOAD_CHECKPOINT_BYTES_MAX. */
  save(): string {
    const md5 = this.#md5 && stateOf(this.#md5)
    return JSON.stringify({
      v: 1,
      at: this.#at,
      sha256: stateOf(this.#sha256),
      ...(md5 !== undefined && { md5 })
    })
  }

  /** Lower-case hex; ends the computation. */
  digests(): { sha256: string; md5?: string } {
    const md5 = this.#md5?.digest('hex')
    return { sha256: this.#sha256.digest('hex'), ...(md5 !== undefined && { md5 }) }
  }
}
