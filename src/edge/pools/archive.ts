/** The archive of a group as bytes: any part of it, made of headers that follow from its layout, and of files that are read as they are. */

import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { PeerbinError } from '../../errors.ts'
import type { GroupRecord } from '../../pools.ts'
import type { ByteRange } from '../../types.ts'
import type { EdgeContext } from '../context.ts'
import type { Content } from '../user-files/send-content.ts'
import { ArchiveLayout, zeros } from './archive-layout.ts'
import type { ArchiveItem, ArchiveKind, PlacedItem } from './archive-layout.ts'
import { MANIFEST_NAME } from './archive-names.ts'
import { archiveManifest, listedFiles } from './group-listing.ts'
import type { GroupAsked } from './group-listing.ts'
import { openGroupFile } from './open-file.ts'
import { CRC_KEY } from './store-bytes.ts'

/** Files of one archive: what is known of each is held while it is sent. Larger groups are fetched file by file, by their manifest. */
export const ARCHIVE_FILES_MAX = 100_000
/** Of memory, for each: path, id and numbers, and its part of a zip's directory. */
export const ITEM_MEMORY_BYTES = 700
/** Files asked for at once where only their checksums are needed. */
const CRCS_AT_ONCE = 8

type Reads = Pick<EdgeContext, 'controller' | 'reader'>

export interface ArchiveRead {
  readonly asked: GroupAsked
  readonly isLate: () => boolean
}

export class GroupArchive {
  readonly layout: ArchiveLayout
  /** Names exactly these bytes. */
  readonly tag: string
  readonly #context: Reads
  readonly #group: GroupRecord
  /** By position; of files that were not looked at yet there is none. */
  readonly #crcs: Array<number | undefined>

  private constructor(
    context: Reads,
    group: GroupRecord,
    { layout, tag, manifestCrc }: { layout: ArchiveLayout; tag: string; manifestCrc: number }
  ) {
    this.#context = context
    this.#group = group
    this.layout = layout
    this.tag = tag
    this.#crcs = [manifestCrc]
  }

  /** Lists the group. @throws `too-large`, and what listedFiles does */
  static async of(
    context: Reads,
    asked: GroupAsked,
    group: GroupRecord,
    kind: ArchiveKind
  ): Promise<GroupArchive> {
    const items: ArchiveItem[] = []
    const pages = async function* () {
      for await (const page of listedFiles(context, asked)) {
        for (const { file, path } of page) {
          const { entry, sizeBytes, at } = file
          items.push({ entry, path, sizeBytes, at })
        }
        if (items.length > ARCHIVE_FILES_MAX)
          throw new PeerbinError('too-large', 'This group has too many files for an archive.')
        yield page
      }
    }
    const hash = createHash('sha256').update(`${kind} 1\n`)
    let crc = 0
    let sizeBytes = 0
    for await (const piece of archiveManifest(group, pages())) {
      hash.update(piece)
      crc = crc32(piece, crc)
      sizeBytes += piece.byteLength
    }
    const manifest = { entry: undefined, path: MANIFEST_NAME, sizeBytes, at: group.end }
    const layout = new ArchiveLayout(kind, [manifest, ...items])
    return new GroupArchive(context, group, { layout, tag: hash.digest('hex'), manifestCrc: crc })
  }

  /** The bytes of a range. A piece is valid until the next one is asked for. @throws what reading fails with; `internal` when the group is not the same any more */
  async *read(range: ByteRange, read: ArchiveRead): AsyncGenerator<Uint8Array, void, undefined> {
    const { items, trailerAt, sizeBytes } = this.layout
    for (let index = this.layout.find(range.start); index < items.length; index++) {
      const item = items[index]
      if (item === undefined || item.offset >= range.end) break
      yield* this.#item(item, index, range, read)
    }
    if (range.end > trailerAt && range.start < sizeBytes) {
      if (this.layout.kind === 'zip') await this.#allCrcs(read)
      const trailer = this.layout.trailer((index) => this.#crcs[index] ?? 0)
      yield trailer.subarray(
        Math.max(0, range.start - trailerAt),
        Math.min(trailer.byteLength, range.end - trailerAt)
      )
    }
  }

  async *#item(
    item: PlacedItem,
    index: number,
    { start, end }: ByteRange,
    read: ArchiveRead
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const { offset, headerBytes, sizeBytes, padding } = item
    const bodyAt = offset + headerBytes
    const content = item.entry === undefined ? undefined : await this.#open(item, read)
    if (start < bodyAt) {
      const crc = this.layout.kind === 'zip' ? await this.#crc(item, index, content, read) : 0
      const header = this.layout.header(item, crc)
      yield header.subarray(Math.max(0, start - offset), Math.min(headerBytes, end - offset))
    }
    const body = { start: Math.max(0, start - bodyAt), end: Math.min(sizeBytes, end - bodyAt) }
    if (body.start < body.end) {
      if (content === undefined) yield* this.#manifest(body, read)
      else yield* this.#bytes(content, body, read)
    }
    const fill = Math.min(bodyAt + sizeBytes + padding, end) - Math.max(bodyAt + sizeBytes, start)
    if (fill > 0) yield zeros.subarray(0, fill)
  }

  /** Whoever has lost the right to it meanwhile gets no further file. */
  async #open(item: PlacedItem, { asked }: ArchiveRead): Promise<Content> {
    const { content } = await openGroupFile(this.#context, asked, item.entry)
    if (content.file.sizeBytes !== item.sizeBytes)
      throw new PeerbinError('internal', 'a file of the group has another length than its group says')
    return content
  }

  #bytes(
    { file, chunks }: Content,
    range: ByteRange,
    { asked, isLate }: ArchiveRead
  ): AsyncGenerator<Uint8Array, void, undefined> {
    return this.#context.reader.read({
      file: file.id,
      sizeBytes: file.sizeBytes,
      chunkCount: file.chunkCount,
      firstPage: chunks,
      range,
      isLate,
      signal: asked.signal
    })
  }

  /** Written anew, in place of keeping all of it in memory. */
  async *#manifest({ start, end }: ByteRange, { asked }: ArchiveRead): AsyncGenerator<Uint8Array, void> {
    let at = 0
    for await (const piece of archiveManifest(this.#group, listedFiles(this.#context, asked))) {
      const part = piece.subarray(Math.max(0, start - at), Math.max(0, end - at))
      at += piece.byteLength
      if (part.byteLength > 0) yield part
      if (at >= end) return
    }
    throw new PeerbinError('internal', 'the group has changed while its archive was sent')
  }

  /** Noted when the file came in one request; otherwise it is read for it, once more. */
  async #crc(
    item: PlacedItem,
    index: number,
    content: Content | undefined,
    read: ArchiveRead
  ): Promise<number> {
    const known = this.#crcs[index]
    if (known !== undefined) return known
    const opened = content ?? (await this.#open(item, read))
    const noted = opened.version.metadata[CRC_KEY]
    let crc = 0
    if (noted !== undefined && /^[0-9a-f]{8}$/.test(noted)) crc = Number.parseInt(noted, 16)
    else
      for await (const piece of this.#bytes(opened, { start: 0, end: item.sizeBytes }, read))
        crc = crc32(piece, crc)
    this.#crcs[index] = crc
    return crc
  }

  /** Of files that were not sent, as the client has them already. */
  async #allCrcs(read: ArchiveRead): Promise<void> {
    const { items } = this.layout
    let next = 0
    const work = async (): Promise<void> => {
      for (let index = next++; index < items.length; index = next++) {
        const item = items[index]
        if (item !== undefined) await this.#crc(item, index, undefined, read)
      }
    }
    await Promise.all(Array.from({ length: CRCS_AT_ONCE }, work))
  }
}
