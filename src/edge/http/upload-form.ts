/** The multipart form of an upload: files, and fields before, between or after them. */

import type { Multipart, MultipartFile } from '@fastify/multipart'
import type { FastifyRequest } from 'fastify'
import { ENTRIES_MAX, INDEX_BYTES_MAX } from '../../bundle/index.ts'
import type { FileContent } from '../../client/file-writer.ts'
import type { Config } from '../../config.ts'
import { PeerbinError } from '../../errors.ts'
import type { Clock } from '../../interfaces.ts'
import { mergeDigests, parseDigest } from './digests.ts'
import type { Digests } from './digests.ts'
import { isForbidden } from './forbidden-types.ts'
import { FormFiles } from './form-files.ts'
import { linkTerms } from './link-terms.ts'
import type { LinkTerms } from './link-terms.ts'
import { formPassword } from './password.ts'
import { bodyError, sendContinue } from './request-body.ts'
import { stallLimited } from './stall.ts'
import { texts } from '../texts.ts'

/** Files beside those of the field `file`, which are ignored. */
const OTHER_FILES = 2
const FIELDS_MAX = 16
/** Bounds of a form beside the bytes of its files. */
const LIMITS = {
  fields: FIELDS_MAX,
  files: ENTRIES_MAX + OTHER_FILES,
  parts: ENTRIES_MAX + OTHER_FILES + FIELDS_MAX,
  fieldNameSize: 64,
  fieldSize: 1024,
  headerPairs: 32
}

/** What a form adds around one file at most: headers of its parts, boundaries, and the fields. And what files that nobody asked for may have together. */
export const FORM_OVERHEAD_BYTES_MAX = 128 * 1024
/** What the parts of many files add: as long as the index that is made of them. */
export const PARTS_OVERHEAD_BYTES_MAX = INDEX_BYTES_MAX

/** Field names; others are ignored, as browsers and scripts add their own (a submit button's name, a CSRF token). */
type FieldName = 'md5' | 'sha256' | 'expires' | 'downloads' | 'password' | 'name'
const FIELD_NAMES: ReadonlySet<string> = new Set<FieldName>([
  'md5',
  'sha256',
  'expires',
  'downloads',
  'password',
  'name'
])

/** What the parser says of a form that is not one; its own errors with a code are told apart by problem.ts. */
function formError(error: unknown): unknown {
  if (error instanceof PeerbinError || (error instanceof Error && 'statusCode' in error)) return error
  return new PeerbinError('bad-request', 'The form could not be read.', { cause: error })
}

export class UploadForm {
  readonly #parts: AsyncIterator<Multipart>
  readonly #fields = new Map<string, string>()
  readonly #link: Config['link']
  readonly #clock: Clock
  readonly #stallMs: number
  readonly #files: FormFiles
  #file: MultipartFile | undefined
  #skippedBytes = 0

  constructor(request: FastifyRequest, clock: Clock, config: Config) {
    sendContinue(request.raw)
    this.#link = config.link
    this.#clock = clock
    this.#stallMs = config.edge.stallMs
    this.#files = new FormFiles((file) => {
      if (isForbidden(config.edge.forbiddenTypes, file)) throw new PeerbinError('type-forbidden')
    })
    const parts = request.parts({
      limits: { ...LIMITS, fileSize: Number.MAX_SAFE_INTEGER },
      preservePath: true // of a folder, the files come with the names of their folders
    })
    this.#parts = stallLimited(parts, clock, this.#stallMs, 'upload-stalled')
  }

  /** Where another file begins (form-files.ts). */
  get starts(): readonly number[] {
    return this.#files.starts
  }

  /** What the files are together; complete when `bytes` has ended. */
  content(): FileContent {
    return this.#files.content()
  }

  /** Reads up to the first file. @throws `invalid-field` when there is none, or a field before it is wrong */
  async file(): Promise<MultipartFile> {
    const file = await this.#next()
    if (file === undefined)
      throw new PeerbinError('invalid-field', 'file: please choose a file', { details: { field: 'file' } })
    this.#file = file
    // a wrong field before the file is told before the file is stored
    this.digests()
    this.terms()
    this.password()
    return file
  }

  /** The bytes of all files, one after the other, and the index of several; ends when the whole form has been read, so that every field is known then. */
  async *bytes(): AsyncGenerator<Uint8Array, void, undefined> {
    for (let file = this.#file; file !== undefined; file = await this.#next()) {
      this.#files.begin(file)
      try {
        const bytes: AsyncIterable<Uint8Array> = file.file
        for await (const piece of bytes) {
          this.#files.add(piece)
          yield piece
        }
      } catch (error) {
        throw bodyError(error)
      }
      this.#files.end()
    }
    this.digests()
    this.terms()
    this.password()
    const index = this.#files.finish(this.#fields.get('name'), texts.upload.bundleName)
    if (index !== undefined) yield index
  }

  /** @throws `invalid-field`, also for the digest of several files: it would be that of none of them */
  digests(): Digests {
    const one = (name: 'md5' | 'sha256'): Digests => {
      const text = this.#fields.get(name)
      if (text === undefined || text.trim() === '') return {}
      if (this.#files.isBundle)
        throw new PeerbinError('invalid-field', `${name}: of several files there is no digest`, {
          details: { field: name }
        })
      return { [name]: parseDigest(text, name, name) }
    }
    return mergeDigests(one('md5'), one('sha256'))
  }

  terms(): LinkTerms {
    const given = { downloads: this.#fields.get('downloads'), expires: this.#fields.get('expires') }
    return linkTerms(given, { downloads: 'downloads', expires: 'expires', days: '' }, this.#link)
  }

  /** Clean; undefined when none is asked for. */
  password(): string | undefined {
    return formPassword(this.#fields.get('password'))
  }

  /** Takes in fields up to the next file; undefined at the form's end. */
  async #next(): Promise<MultipartFile | undefined> {
    for (;;) {
      const next = await this.#parts.next().catch((error: unknown) => {
        throw formError(error)
      })
      if (next.done === true) return undefined
      const part = next.value
      if (part.type === 'file') {
        if (part.fieldname === 'file') {
          delete part.fields['file'] // the parser would keep every part until the end of the form
          return part
        }
        await this.#skip(part)
        continue
      }
      if (!FIELD_NAMES.has(part.fieldname)) continue
      if (part.valueTruncated === true || typeof part.value !== 'string' || this.#fields.has(part.fieldname))
        throw new PeerbinError('invalid-field', `${part.fieldname}: one short value is needed`, {
          details: { field: part.fieldname }
        })
      this.#fields.set(part.fieldname, part.value)
    }
  }

  /** A file nobody asked for is read past, within what a form may add: its bytes are counted for nobody. @throws `too-large` */
  async #skip(part: MultipartFile): Promise<void> {
    const bytes: AsyncIterable<Uint8Array> = part.file
    try {
      for await (const piece of stallLimited(bytes, this.#clock, this.#stallMs, 'upload-stalled')) {
        this.#skippedBytes += piece.byteLength
        if (this.#skippedBytes > FORM_OVERHEAD_BYTES_MAX) throw new PeerbinError('too-large')
      }
    } catch (error) {
      throw bodyError(error)
    }
  }
}
