/** The files of an upload form, as they come: one is itself, and several are a bundle. */

import { crc32 } from 'node:zlib'
import { ENTRIES_MAX, INDEX_BYTES_MAX, encodeIndex } from '../../bundle/index.ts'
import type { BundleEntry } from '../../bundle/index.ts'
import { utf8Length } from '../../bundle/name-text.ts'
import { PathSet, cleanPart, cleanPath } from '../../bundle/paths.ts'
import type { FileContent } from '../../client/file-writer.ts'
import { PeerbinError } from '../../errors.ts'
import { cleanMediaType, formName, formText } from './names.ts'

/** What a form says of a file. */
export interface FormPart {
  /** With its folders, where the form has them. */
  readonly filename: string | undefined
  readonly mimetype: string | undefined
}

/** An archive is known by its name and not by a type that was sent. */
const BUNDLE_TYPE = 'application/zip'

const tooMany = (message: string): PeerbinError =>
  new PeerbinError('invalid-field', `file: ${message}`, { details: { field: 'file' } })

interface Current {
  readonly part: FormPart
  readonly start: number
  crc32: number
}

export class FormFiles {
  /** Positions at which another file begins, in order; grows while bytes come. Behind the last stands the index. */
  readonly starts: number[] = []
  readonly #check: (file: { name: string; mediaType: string }) => void
  readonly #entries: BundleEntry[] = []
  #current: Current | undefined
  #only: FormPart | undefined
  #sizeBytes = 0
  #pathBytes = 0
  #content: FileContent = {}

  /** @param check is asked about each file before its bytes are taken; it throws to refuse the whole form */
  constructor(check: (file: { name: string; mediaType: string }) => void) {
    this.#check = check
  }

  /** A file begins. @throws `invalid-field` when there are too many */
  begin(part: FormPart): void {
    if (this.#entries.length >= ENTRIES_MAX)
      throw tooMany(`at most ${ENTRIES_MAX} files can be shared at once`)
    this.#check({ name: formName(part.filename ?? ''), mediaType: cleanMediaType(part.mimetype) })
    this.#current = { part, start: this.#sizeBytes, crc32: 0 }
  }

  /** Its next bytes. */
  add(bytes: Uint8Array): void {
    const current = this.#current
    if (current === undefined || bytes.byteLength === 0) return
    if (this.#sizeBytes === current.start && current.start > 0) this.starts.push(current.start)
    current.crc32 = crc32(bytes, current.crc32)
    this.#sizeBytes += bytes.byteLength
  }

  /** It has ended. A field in which no file was chosen is none: browsers send those without a name and without bytes. */
  end(): void {
    const current = this.#current
    if (current === undefined) return
    this.#current = undefined
    const { part, start } = current
    const sizeBytes = this.#sizeBytes - start
    if (sizeBytes === 0 && (part.filename ?? '') === '') return
    const path = cleanPath(formText(part.filename ?? ''))
    this.#pathBytes += utf8Length(path)
    if (this.#pathBytes > INDEX_BYTES_MAX) throw tooMany('the names of the files are too long together')
    const mediaType = cleanMediaType(part.mimetype)
    this.#only = part
    this.#entries.push({ path, sizeBytes, crc32: current.crc32, mediaType })
  }

  get isBundle(): boolean {
    return this.#entries.length > 1
  }

  /**
   * All have come: the index that goes behind them, where they are several.
   * @param name what the sender calls all of them together; without it that is the folder they share, or how many they are
   * @throws `empty-file`, `index-invalid`
   */
  finish(name: string | undefined, defaultName: (count: number) => string): Uint8Array | undefined {
    if (!this.isBundle) {
      const only = this.#only
      if (only !== undefined)
        this.#content = { name: formName(only.filename ?? ''), mediaType: cleanMediaType(only.mimetype) }
      return undefined
    }
    const folder = sharedFolder(this.#entries)
    const given = cleanPart(name ?? '')
    const isInFolder = folder !== undefined && (given === '' || given === folder)
    const paths = new PathSet()
    const entries = this.#entries.map((entry) => ({
      ...entry,
      path: paths.addClean(isInFolder ? entry.path.slice(folder.length + 1) : entry.path)
    }))
    const called = given !== '' ? given : (folder ?? defaultName(entries.length))
    const index = encodeIndex({ name: called, entries })
    this.starts.push(this.#sizeBytes)
    this.#content = { name: called, mediaType: BUNDLE_TYPE, indexBytes: index.byteLength }
    return index
  }

  /** What they turned out to be; complete after `finish`. */
  content(): FileContent {
    return this.#content
  }
}

/** The folder that all of them are in; undefined when there is none. */
function sharedFolder(entries: readonly BundleEntry[]): string | undefined {
  const folder = entries[0]?.path.split('/')[0] ?? ''
  return entries.every(({ path }) => path.startsWith(`${folder}/`)) ? folder : undefined
}
