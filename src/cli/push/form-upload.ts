/** One small file, plain, in one request: a form, with the SHA-256 behind it. */

import { createHash } from 'node:crypto'
import { PeerbinError } from '../../errors.ts'
import type { CliContext } from '../context.ts'
import { multipartForm } from '../http/multipart.ts'
import type { FormFile } from '../http/multipart.ts'
import { failureOf, readJson, request } from '../http/request.ts'

const SHA256_HEX_LENGTH = 64

/**
 * @param url of the route that takes the form @param headers beside its own: who sends
 * @throws what the server says, `server-unreachable`, what reading the bytes throws
 */
export async function formUpload(
  file: FormFile,
  fields: Readonly<Record<string, string>>,
  url: URL,
  context: CliContext,
  headers: Readonly<Record<string, string>> = {}
): Promise<unknown> {
  const hash = createHash('sha256')
  const hashed: FormFile = {
    ...file,
    bytes: (async function* () {
      for await (const piece of file.bytes) {
        hash.update(piece)
        yield piece
      }
    })()
  }
  const late = { name: 'sha256', sizeBytes: SHA256_HEX_LENGTH, value: () => hash.digest('hex') }
  const form = multipartForm(fields, hashed, late, context.random)
  const answer = await request({
    method: 'POST',
    url,
    headers: {
      ...headers,
      'content-type': form.contentType,
      'content-length': String(form.sizeBytes),
      accept: 'application/json'
    },
    body: form.body,
    signal: context.interrupted
  })
  if (answer.status !== 201) throw await failureOf(answer)
  return await readJson(answer)
}

/** Whether another edge may be asked instead: nothing listens at this one. */
export const isNobody = (error: unknown): boolean =>
  error instanceof PeerbinError && error.code === 'server-unreachable'
