/** The multipart form of a batch: its manifest first, then its files in the order of the manifest. */

import type { MultipartFile } from '@fastify/multipart'
import type { FastifyRequest } from 'fastify'
import type { Config } from '../../config.ts'
import { PeerbinError } from '../../errors.ts'
import type { Clock } from '../../interfaces.ts'
import { FormParts } from '../http/form-parts.ts'
import { bodyError } from '../http/request-body.ts'
import { stallLimited } from '../http/stall.ts'
import { invalid } from '../user-files/fields.ts'

/** Longest manifest in a form: it is held while the files come. A longer one is announced by itself, as JSON. */
export const FORM_MANIFEST_BYTES_MAX = 2 * 1024 * 1024

const MANIFEST = 'manifest'
const isTaken = (field: string): boolean =>
  field === MANIFEST || field === 'file' || /^(?:0|[1-9]\d{0,5})$/.test(field)

export interface BatchFormDeps {
  readonly clock: Clock
  readonly config: Config
}

export class BatchForm {
  readonly #parts: FormParts
  readonly #deps: BatchFormDeps
  /** The part that came behind a manifest which was a field. */
  #first: MultipartFile | undefined

  constructor(request: FastifyRequest, deps: BatchFormDeps) {
    const { clock, config } = deps
    this.#deps = deps
    this.#parts = new FormParts(request, {
      fields: new Set([MANIFEST]),
      fieldBytesMax: FORM_MANIFEST_BYTES_MAX,
      filesMax: config.pools.batchFilesMax + 1,
      isTaken,
      clock,
      stallMs: config.edge.stallMs
    })
  }

  /** The text of the manifest: a field, or a file. @throws `invalid-field`, `too-large` */
  async manifest(): Promise<string> {
    const part = await this.#parts.next()
    if (part?.fieldname === MANIFEST) return await this.#text(part)
    this.#first = part
    const text = this.#parts.field(MANIFEST)
    if (text === undefined) throw invalid(MANIFEST, 'the first part of the form has to be the manifest')
    return text
  }

  async #text(part: MultipartFile): Promise<string> {
    const pieces: Uint8Array[] = []
    let size = 0
    for await (const piece of this.#bytes(part)) {
      size += piece.byteLength
      if (size > FORM_MANIFEST_BYTES_MAX)
        throw new PeerbinError('too-large', 'The manifest is too long for a form: announce it as JSON.')
      pieces.push(piece)
    }
    return Buffer.concat(pieces).toString('utf8')
  }

  /** The file at a place of the manifest; undefined: the form has ended. @throws `invalid-field` for another one */
  async file(index: number): Promise<AsyncIterable<Uint8Array> | undefined> {
    const part = this.#first ?? (await this.#parts.next())
    this.#first = undefined
    if (part === undefined) return undefined
    const { fieldname } = part
    if (fieldname !== 'file' && fieldname !== String(index))
      throw new PeerbinError('invalid-field', `${fieldname}: the files come in the order of the manifest`, {
        details: { field: fieldname, index }
      })
    return this.#bytes(part)
  }

  /** Nothing may follow. @throws `invalid-field` */
  async end(index: number): Promise<void> {
    const part = this.#first ?? (await this.#parts.next())
    if (part !== undefined)
      throw new PeerbinError('invalid-field', `${part.fieldname}: the manifest names no such file`, {
        details: { field: part.fieldname, index }
      })
  }

  async *#bytes(part: MultipartFile): AsyncGenerator<Uint8Array, void, undefined> {
    const { clock, config } = this.#deps
    const bytes: AsyncIterable<Uint8Array> = part.file
    try {
      yield* stallLimited(bytes, clock, config.edge.stallMs, 'upload-stalled')
    } catch (error) {
      throw bodyError(error)
    }
  }
}
