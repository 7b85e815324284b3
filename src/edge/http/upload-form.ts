/** The multipart form of an upload: files, and fields before, between or after them. */

import type { MultipartFile } from '@fastify/multipart'
import type { FastifyRequest } from 'fastify'
import { ENTRIES_MAX, INDEX_BYTES_MAX } from '../../bundle/index.ts'
import type { FileContent } from '../../client/file-writer.ts'
import type { Config } from '../../config.ts'
import { PeerbinError } from '../../errors.ts'
import type { Clock } from '../../interfaces.ts'
import { mergeDigests, parseDigest } from './digests.ts'
import type { Digests } from './digests.ts'
import { isForbidden } from '../../client/forbidden-types.ts'
import { FormFiles } from './form-files.ts'
import { FormParts } from './form-parts.ts'
import { linkTerms } from './link-terms.ts'
import type { LinkTerms } from './link-terms.ts'
import { formPassword } from './password.ts'
import { bodyError } from './request-body.ts'
import { texts } from '../texts.ts'

const FIELD_BYTES_MAX = 1024

/** What the parts of many files add: as long as the index that is made of them. */
export const PARTS_OVERHEAD_BYTES_MAX = INDEX_BYTES_MAX

type FieldName = 'md5' | 'sha256' | 'expires' | 'downloads' | 'password' | 'name'
const FIELD_NAMES: ReadonlySet<string> = new Set<FieldName>([
  'md5',
  'sha256',
  'expires',
  'downloads',
  'password',
  'name'
])

export class UploadForm {
  readonly #parts: FormParts
  readonly #link: Config['link']
  readonly #files: FormFiles
  #file: MultipartFile | undefined

  constructor(request: FastifyRequest, clock: Clock, config: Config) {
    this.#link = config.link
    this.#files = new FormFiles((file) => {
      if (isForbidden(config.edge.forbiddenTypes, file)) throw new PeerbinError('type-forbidden')
    })
    this.#parts = new FormParts(request, {
      fields: FIELD_NAMES,
      fieldBytesMax: FIELD_BYTES_MAX,
      filesMax: ENTRIES_MAX,
      clock,
      stallMs: config.edge.stallMs
    })
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
    const file = await this.#parts.next()
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
    for (let file = this.#file; file !== undefined; file = await this.#parts.next()) {
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
    const index = this.#files.finish(this.#parts.field('name'), texts.upload.bundleName)
    if (index !== undefined) yield index
  }

  /** @throws `invalid-field`, also for the digest of several files: it would be that of none of them */
  digests(): Digests {
    const one = (name: 'md5' | 'sha256'): Digests => {
      const text = this.#parts.field(name)
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
    const given = { downloads: this.#parts.field('downloads'), expires: this.#parts.field('expires') }
    return linkTerms(given, { downloads: 'downloads', expires: 'expires', days: '' }, this.#link)
  }

  /** Clean; undefined when none is asked for. */
  password(): string | undefined {
    return formPassword(this.#parts.field('password'))
  }
}
