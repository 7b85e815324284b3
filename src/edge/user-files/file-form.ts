/** The multipart form that stores a file of a user: one file, and fields before or after it. */

import type { MultipartFile } from '@fastify/multipart'
import type { FastifyRequest } from 'fastify'
import { cleanPath } from '../../bundle/paths.ts'
import type { Config } from '../../config.ts'
import { PeerbinError } from '../../errors.ts'
import type { Clock } from '../../interfaces.ts'
import { mergeDigests, parseDigest } from '../http/digests.ts'
import type { Digests } from '../http/digests.ts'
import { FormParts } from '../http/form-parts.ts'
import { cleanMediaType, formText } from '../http/names.ts'
import { bodyError } from '../http/request-body.ts'
import { invalid, parseBase, parseFlag, parseLifeText, parseMetadataText, parsePath } from './fields.ts'
import type { GivenBase } from './fields.ts'

const FIELDS: ReadonlySet<string> = new Set([
  'path',
  'metadata',
  'md5',
  'sha256',
  'expires',
  'only_new',
  'base_version',
  'base_file_id'
])
/** Metadata of 16 KiB, each character of which may be written as `\u0000`. */
const FIELD_BYTES_MAX = 96 * 1024

/** What the form says of the file; the same before its bytes and, with fields that follow them, behind them. */
export interface FileTerms extends GivenBase {
  readonly path: string
  readonly mediaType: string
  readonly metadata: Record<string, string>
  /** undefined: as the file had it; a new one stays. */
  readonly ttlMs: number | undefined
  /** Refused where there is a file already. */
  readonly onlyNew: boolean
  readonly digests: Digests
}

export class FileForm {
  readonly #parts: FormParts
  #file: MultipartFile | undefined
  #hasEnded = false

  constructor(request: FastifyRequest, clock: Clock, config: Config) {
    this.#parts = new FormParts(request, {
      fields: FIELDS,
      fieldBytesMax: FIELD_BYTES_MAX,
      filesMax: 1,
      clock,
      stallMs: config.edge.stallMs
    })
  }

  /** All of it has come: whether its sender is still there does not matter from then on. */
  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** Reads up to the file; a wrong field before it is told before a byte of it is stored. @throws `invalid-field` */
  async begin(): Promise<FileTerms> {
    this.#file = await this.#parts.next()
    if (this.#file === undefined) throw invalid('file', 'a file is needed')
    return this.terms()
  }

  /** The bytes of the file; ends when the whole form has been read. */
  async *bytes(): AsyncGenerator<Uint8Array, void, undefined> {
    const bytes: AsyncIterable<Uint8Array> | undefined = this.#file?.file
    if (bytes === undefined) throw new PeerbinError('internal', 'nobody has looked for the file')
    try {
      yield* bytes
    } catch (error) {
      throw bodyError(error)
    }
    if ((await this.#parts.next()) !== undefined) throw invalid('file', 'one file at a time is taken')
    this.terms()
    this.#hasEnded = true
  }

  /** By what has come so far. @throws `invalid-field` */
  terms(): FileTerms {
    const field = (name: string): string | undefined => this.#parts.field(name)
    const name = cleanPath(formText(this.#file?.filename ?? ''))
    return {
      path: parsePath(field('path') ?? '', 'path', name),
      mediaType: cleanMediaType(this.#file?.mimetype),
      metadata: parseMetadataText(field('metadata'), 'metadata'),
      ttlMs: parseLifeText(field('expires'), 'expires'),
      onlyNew: parseFlag(field('only_new'), 'only_new'),
      ...parseBase(field('base_version'), field('base_file_id')),
      digests: mergeDigests(this.#digest('md5'), this.#digest('sha256'))
    }
  }

  #digest(name: 'md5' | 'sha256'): Digests {
    const text = this.#parts.field(name)?.trim() ?? ''
    return text === '' ? {} : { [name]: parseDigest(text, name, name) }
  }
}
