/** Parts of a multipart form as they come: files one by one, and short fields before, between and after them. */

import type { Multipart, MultipartFile } from '@fastify/multipart'
import type { FastifyRequest } from 'fastify'
import { PeerbinError } from '../../errors.ts'
import type { Clock } from '../../interfaces.ts'
import { bodyError, sendContinue } from './request-body.ts'
import { stallLimited } from './stall.ts'

/** Files beside those of the field `file`, which are ignored. */
const OTHER_FILES = 2
const FIELDS_MAX = 16

/** What a form adds around one file at most: headers of its parts, boundaries, and the fields. And what files that nobody asked for may have together. */
export const FORM_OVERHEAD_BYTES_MAX = 128 * 1024

export interface FormPartsOptions {
  /** Fields that are kept; others are ignored, as browsers and scripts add their own (a submit button's name, a CSRF token). */
  readonly fields: ReadonlySet<string>
  readonly fieldBytesMax: number
  /** In fields that are taken. */
  readonly filesMax: number
  /** Fields whose files are taken; default: `file`. Those of others are read past. */
  readonly isTaken?: (field: string) => boolean
  readonly clock: Clock
  readonly stallMs: number
}

/** What the parser says of a form that is not one; its own errors with a code are told apart by problem.ts. */
function formError(error: unknown): unknown {
  if (error instanceof PeerbinError || (error instanceof Error && 'statusCode' in error)) return error
  return new PeerbinError('bad-request', 'The form could not be read.', { cause: error })
}

export class FormParts {
  readonly #parts: AsyncIterator<Multipart>
  readonly #fields = new Map<string, string>()
  readonly #options: FormPartsOptions
  #skippedBytes = 0

  constructor(request: FastifyRequest, options: FormPartsOptions) {
    sendContinue(request.raw)
    this.#options = options
    const { filesMax, fieldBytesMax, clock, stallMs } = options
    const parts = request.parts({
      limits: {
        fields: FIELDS_MAX,
        files: filesMax + OTHER_FILES,
        parts: filesMax + OTHER_FILES + FIELDS_MAX,
        fieldNameSize: 64,
        fieldSize: fieldBytesMax,
        headerPairs: 32,
        fileSize: Number.MAX_SAFE_INTEGER
      },
      preservePath: true // of a folder, the files come with the names of their folders
    })
    this.#parts = stallLimited(parts, clock, stallMs, 'upload-stalled')
  }

  /** What has come of a field so far. */
  field(name: string): string | undefined {
    return this.#fields.get(name)
  }

  /** Takes in fields up to the next file; undefined at the form's end. @throws `invalid-field`, `too-large`, `upload-stalled`, `upload-incomplete` */
  async next(): Promise<MultipartFile | undefined> {
    for (;;) {
      const next = await this.#parts.next().catch((error: unknown) => {
        throw formError(error)
      })
      if (next.done === true) return undefined
      const part = next.value
      if (part.type === 'file') {
        const { isTaken = (field) => field === 'file' } = this.#options
        if (isTaken(part.fieldname)) {
          delete part.fields[part.fieldname] // the parser would keep every part until the end of the form
          return part
        }
        await this.#skip(part)
        continue
      }
      if (!this.#options.fields.has(part.fieldname)) continue
      if (part.valueTruncated === true || typeof part.value !== 'string' || this.#fields.has(part.fieldname))
        throw new PeerbinError('invalid-field', `${part.fieldname}: one short value is needed`, {
          details: { field: part.fieldname }
        })
      this.#fields.set(part.fieldname, part.value)
    }
  }

  /** A file nobody asked for is read past, within what a form may add: its bytes are counted for nobody. @throws `too-large` */
  async #skip(part: MultipartFile): Promise<void> {
    const { clock, stallMs } = this.#options
    const bytes: AsyncIterable<Uint8Array> = part.file
    try {
      for await (const piece of stallLimited(bytes, clock, stallMs, 'upload-stalled')) {
        this.#skippedBytes += piece.byteLength
        if (this.#skippedBytes > FORM_OVERHEAD_BYTES_MAX) throw new PeerbinError('too-large')
      }
    } catch (error) {
      throw bodyError(error)
    }
  }
}
