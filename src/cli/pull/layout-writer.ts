/** Writes a payload into its place in a file: as it is, or with what an archive has around it. */

import { PeerbinError } from '../../errors.ts'
import { lengthOf } from './layout.ts'
import type { Layout } from './layout.ts'

export class LayoutWriter {
  readonly #write: (bytes: Uint8Array, position: number) => Promise<void>
  readonly #segments: ReturnType<Layout['segments']>
  #next: ReturnType<ReturnType<Layout['segments']>['next']>
  /** Of the present segment. */
  #used = 0
  #place: number

  /** @param place where in the file to begin: everything before is written */
  constructor(layout: Layout, place: number, write: (bytes: Uint8Array, position: number) => Promise<void>) {
    this.#write = write
    this.#place = place
    this.#segments = layout.segments(place, layout.sizeBytes)
    this.#next = this.#segments.next()
  }

  /** The next bytes of the payload, with what stands before and among them. @throws `protocol-violation` when there is no place for them */
  async append(payload: Uint8Array): Promise<void> {
    for (let at = 0; at < payload.byteLength;) {
      await this.#writeMade()
      if (this.#next.done === true)
        throw new PeerbinError('protocol-violation', 'the server sent more bytes than there are')
      const part = payload.subarray(at, at + lengthOf(this.#next.value) - this.#used)
      await this.#put(part)
      at += part.byteLength
      this.#used += part.byteLength
      if (this.#used === lengthOf(this.#next.value)) this.#advance()
    }
  }

  /** What stands behind the last byte of the payload. */
  async end(): Promise<void> {
    await this.#writeMade()
  }

  async #writeMade(): Promise<void> {
    while (this.#next.done !== true && this.#next.value.kind === 'made') {
      await this.#put(this.#next.value.bytes)
      this.#advance()
    }
  }

  async #put(bytes: Uint8Array): Promise<void> {
    await this.#write(bytes, this.#place)
    this.#place += bytes.byteLength
  }

  #advance(): void {
    this.#next = this.#segments.next()
    this.#used = 0
  }
}
