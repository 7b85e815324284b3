/**
 * The content of an upload as it is sent, made piece by piece: payload and index, sealed or plain.
 *
 * One secret must never seal two different bytes at the same place. What was made is therefore kept until the next part, so that a part that is sent again is the same;
 * and where older bytes are needed, or the page was loaded anew, all files are read again up to where sealing had come, and must give the same checksums.
 */

import { encodeIndex } from '../../src/bundle/index.ts'
import type { LinkKeys } from '../../src/encryption/link-keys.ts'
import { DATA_BYTES, RECORD_BYTES } from '../../src/encryption/scheme.ts'
import { sealPart, sealText } from '../../src/encryption/streams.ts'
import type { PlainSource } from '../../src/encryption/streams.ts'
import { FileChecksums, START } from './file-checksums.ts'
import type { Mark } from './file-checksums.ts'
import type { Plan } from './plan.ts'

/** The files are not those any more of which a part was sent. */
export class FilesChanged extends Error {}

/** Read at once when files are only checked. */
const CHECK_BYTES = 4 * 1024 * 1024

export interface ContentOptions {
  readonly plan: Plan
  readonly payload: PlainSource
  /** Those of the link; none for what is not encrypted. */
  readonly keys?: LinkKeys | undefined
  /** Up to where an earlier page had come with this upload. */
  readonly mark?: Mark
  /** Called before bytes that were not sent before are given out: kept where a reload finds it. */
  readonly onMark?: (mark: Mark) => void
  /** Told while files are read again. @param share 0 to 1 */
  readonly onChecking?: (share: number) => void
}

interface Part {
  readonly start: number
  readonly bytes: Uint8Array<ArrayBuffer>
}

export class Content {
  readonly sizeBytes: number
  readonly #options: ContentOptions
  readonly #unit: { readonly sent: number; readonly plain: number }
  #checksums: FileChecksums
  #mark: Mark
  #last: Part | undefined
  #index: Uint8Array<ArrayBuffer> | undefined

  constructor(options: ContentOptions) {
    const { plan, keys, mark } = options
    this.#options = options
    this.sizeBytes = plan.sentPayloadBytes + plan.indexBytes
    // a unit is read and sealed as a whole
    this.#unit = keys === undefined ? { sent: 1, plain: 1 } : { sent: RECORD_BYTES, plain: DATA_BYTES }
    this.#checksums = this.#newChecksums()
    this.#mark = mark ?? START
  }

  /**
   * Bytes of the content from `start` on: at most up to `end`, and at least one.
   * @throws FilesChanged
   */
  async part(start: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
    const last = this.#last
    if (last !== undefined && start >= last.start && start < last.start + last.bytes.byteLength)
      return last.bytes.subarray(start - last.start)
    const { sentPayloadBytes } = this.#options.plan
    let bytes =
      start < sentPayloadBytes ? await this.#payloadPart(start, end) : await this.#indexPart(start, end)
    // the index goes along with the end of the payload
    const next = start + bytes.byteLength
    if (start < sentPayloadBytes && next === sentPayloadBytes && next < end)
      bytes = joined(bytes, await this.#indexPart(next, end))
    this.#last = { start, bytes }
    return bytes
  }

  async #payloadPart(start: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
    const { plan, payload, keys, onMark } = this.#options
    const unit = this.#unit
    // the next part begins with a whole record
    const aligned = Math.max(Math.floor(end / unit.sent), Math.floor(start / unit.sent) + 1) * unit.sent
    const to = end >= plan.sentPayloadBytes ? plan.sentPayloadBytes : Math.min(aligned, plan.sentPayloadBytes)
    await this.#check(Math.floor(start / unit.sent) * unit.plain)
    const source: PlainSource = {
      sizeBytes: payload.sizeBytes,
      read: async (from, until) => {
        const bytes = await payload.read(from, until)
        this.#checksums.take(from, bytes)
        return bytes
      }
    }
    const bytes =
      keys === undefined
        ? new Uint8Array(await source.read(start, to))
        : await sealPart(keys.payload, source, start, to)
    this.#keep(onMark)
    return bytes
  }

  #keep(onMark: ContentOptions['onMark']): void {
    if (this.#checksums.position <= this.#mark.at) return
    this.#mark = this.#checksums.mark
    onMark?.(this.#mark)
  }

  async #indexPart(start: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
    const { plan } = this.#options
    this.#index ??= await this.#makeIndex()
    return this.#index.slice(start - plan.sentPayloadBytes, end - plan.sentPayloadBytes)
  }

  async #makeIndex(): Promise<Uint8Array<ArrayBuffer>> {
    const { plan, keys } = this.#options
    await this.#check(plan.payloadBytes)
    const { crcs } = this.#checksums
    const index = encodeIndex({
      name: plan.index.name,
      entries: plan.index.entries.map((entry, i) => ({ ...entry, crc32: crcs[i] ?? 0 }))
    })
    return keys === undefined ? index : await sealText(keys.index, index)
  }

  /** Makes sure that everything before a place of the payload went by, and is what was sent before. */
  async #check(plainStart: number): Promise<void> {
    if (plainStart === this.#checksums.position && plainStart >= this.#mark.at) return
    const { payload, onChecking } = this.#options
    const goal = Math.max(this.#mark.at, plainStart)
    const checksums = this.#newChecksums()
    let isSame = this.#mark.at === 0
    while (checksums.position < goal) {
      const from = checksums.position
      // stops where the mark is, to compare
      const until = Math.min(from + CHECK_BYTES, from < this.#mark.at ? this.#mark.at : goal)
      checksums.take(from, await payload.read(from, until))
      onChecking?.(checksums.position / goal)
      if (checksums.position === this.#mark.at) isSame = checksums.mark.value === this.#mark.value
      if (checksums.position >= this.#mark.at && !isSame) throw new FilesChanged()
    }
    this.#checksums = checksums
  }

  #newChecksums(): FileChecksums {
    return new FileChecksums(this.#options.plan.index.entries.map(({ sizeBytes }) => sizeBytes))
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(first.byteLength + second.byteLength)
  bytes.set(first)
  bytes.set(second, first.byteLength)
  return bytes
}
