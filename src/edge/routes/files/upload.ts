/** `POST /api/files/upload`: a file of a user, by a form. */

import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { PeerbinError } from '../../../errors.ts'
import { actorOf } from '../../accounts/actor.ts'
import type { Route } from '../../context.ts'
import { FORM_OVERHEAD_BYTES_MAX } from '../../http/form-parts.ts'
import { declaredBytes, hasBody } from '../../http/request-body.ts'
import { requestOrigin } from '../../upload-answer.ts'
import { uploadedAnswer, uploadedSchema } from '../../user-files/answers.ts'
import { FileForm } from '../../user-files/file-form.ts'
import { uploadBytesMax } from '../../user-files/limits.ts'
import { receiveFile } from '../../user-files/receive-file.ts'
import { json, refusals, tags } from './shared.ts'

/** Documentation of the form; its parts are read as they come, in any order. */
const form = z.object({
  file: z.string().meta({ format: 'binary' }).describe('the file'),
  path: z
    .string()
    .optional()
    .describe('where it is to be; with a / at the end, the folder; default: the name of the file'),
  metadata: z.string().optional().describe('your own pairs: a JSON object of texts, at most 16 KiB'),
  md5: z.string().optional().describe('MD5 of the file, hex or base64: one that does not match is refused'),
  sha256: z.string().optional().describe('SHA-256 of the file, hex or base64'),
  expires: z.int().optional().describe('seconds until the file is deleted; default: never'),
  only_new: z.boolean().optional().describe('true: where there is a file already, none is stored'),
  base_version: z
    .int()
    .optional()
    .describe('the version that must count when this one is stored; 0: there must be no file'),
  base_file_id: z.string().optional().describe('with base_version: the file it is of')
})

/** What can be refused before a byte is read. @throws `bad-request`, `too-large` */
function check(request: FastifyRequest, limitBytes: number): void {
  if (!request.isMultipart())
    throw new PeerbinError('bad-request', 'A form of type multipart/form-data is needed.')
  if (!hasBody(request.raw)) throw new PeerbinError('bad-request', 'The form is empty.')
  if (declaredBytes(request.raw) > limitBytes + FORM_OVERHEAD_BYTES_MAX) throw new PeerbinError('too-large')
}

export const uploadFile: Route = (app, context) => {
  const { addresses, clock, config, sessions } = context
  app.post(
    '/api/files/upload',
    {
      schema: {
        summary: 'Store a file, or a new version of one',
        description:
          'Answered when every byte is held durably by two nodes at least; once all bytes have come the client may go away.',
        tags,
        response: {
          201: json('Stored. Headers: Location.', uploadedSchema),
          ...refusals(
            '409 checksum-mismatch, path-taken, path-conflict, version-conflict; 413 too-large; 415 type-forbidden; 422 empty-file, invalid-field, file-infected; 429 too-many-uploads, daily-bytes-used, too-many-transfers; 507 quota-exceeded'
          )
        }
      },
      config: {
        permission: { who: 'user', scope: 'files:write' },
        history: { action: 'upload' },
        bodyContent: { 'multipart/form-data': z.toJSONSchema(form) }
      }
    },
    async (request, reply) => {
      const actor = actorOf(request)
      check(request, uploadBytesMax(context, actor))
      const bodyBytes =
        request.headers['transfer-encoding'] === undefined ? declaredBytes(request.raw) : undefined
      using pass = addresses.upload(actor.user, 'user', bodyBytes)
      const parts = new FileForm(request, clock, config)
      const terms = await parts.begin()
      // the fields before it can take as long as their sender likes; from here on a guard looks
      await sessions.confirm(actor)
      request.noted?.set({ owner: actor.user, path: terms.path })
      const stored = await receiveFile(context, reply, { actor, form: parts, terms, pass, bodyBytes })
      const answer = uploadedAnswer(requestOrigin(context, request), stored)
      return reply.code(201).header('location', answer.file_url).send(answer)
    }
  )
}
