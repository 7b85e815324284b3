import { HEADER_BYTES_MAX } from '../../protocol/limits.ts'

/** For a page, of a message's header: what else is in one, and what text takes more in its form on the wire than here, is less than the rest. */
const PAGE_BYTES_MAX = HEADER_BYTES_MAX / 2

/** Says what fits into one answer: records of users can have 16 KiB of metadata, and paths of a kibibyte. */
export class PageRoom {
  #leftBytes = PAGE_BYTES_MAX

  /** Takes one more; false when it does not fit. The first always does. */
  take(record: unknown): boolean {
    const isFirst = this.#leftBytes === PAGE_BYTES_MAX
    this.#leftBytes -= Buffer.byteLength(JSON.stringify(record))
    return isFirst || this.#leftBytes >= 0
  }

  /** As many from the first on as fit. */
  static fitting<T>(records: readonly T[]): T[] {
    const room = new PageRoom()
    const end = records.findIndex((record) => !room.take(record))
    return end === -1 ? [...records] : records.slice(0, end)
  }
}
