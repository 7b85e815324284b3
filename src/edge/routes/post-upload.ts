/** `POST /upload`: a multipart form, from the upload page, from curl -F and from programs. */

import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { PeerbinError } from '../../errors.ts'
import type { Route } from '../context.ts'
import { cleanMediaType, formName } from '../http/names.ts'
import { declaredBytes, hasBody } from '../http/request-body.ts'
import { FORM_OVERHEAD_BYTES_MAX, PARTS_OVERHEAD_BYTES_MAX, UploadForm } from '../http/upload-form.ts'
import { problemSchema } from '../problem.ts'
import { sendUploadAnswer, uploadAnswerSchema } from '../upload-answer.ts'
import { passFor, protectedBy, receive } from './receive.ts'

/** Documentation of the form; the parts are read as they come, in any order. */
const form = z.object({
  file: z
    .string()
    .meta({ format: 'binary' })
    .describe('the file; several of these fields make a bundle, with the folders that their file names have'),
  name: z.string().optional().describe('of a bundle; default: the folder that all its files are in'),
  md5: z
    .string()
    .optional()
    .describe('MD5 of the file, hex or base64: a file that does not match is refused; of a single file only'),
  sha256: z.string().optional().describe('SHA-256 of the file, hex or base64'),
  expires: z.int().optional().describe('seconds until the link expires'),
  downloads: z.int().optional().describe('how often the link can be redeemed'),
  password: z.string().optional().describe('whoever redeems the link has to give it; 1 to 1024 bytes')
})

/** Whoever comes back to the address of an answered form wants the form. */
export const getUpload: Route = (app) => {
  app.get('/upload', { schema: { hide: true } }, async (_request, reply) => reply.redirect('/', 303))
}

export const postUpload: Route = (app, context) => {
  const { clock, config } = context
  const check = (request: FastifyRequest): void => {
    if (!request.isMultipart())
      throw new PeerbinError('bad-request', 'A form of type multipart/form-data is needed.')
    if (!hasBody(request.raw)) throw new PeerbinError('bad-request', 'The form is empty.')
    if (
      declaredBytes(request.raw) >
      config.edge.uploadBytesMax + FORM_OVERHEAD_BYTES_MAX + PARTS_OVERHEAD_BYTES_MAX
    )
      throw new PeerbinError('too-large')
  }
  app.post(
    '/upload',
    {
      schema: {
        summary: 'Upload a file, or several, with a form',
        description: 'Answers JSON, a page, or the link as one line of text, by Accept.',
        tags: ['upload'],
        response: {
          201: {
            description: 'Stored. Headers: Location, X-Url-Delete, X-Url-Sender, X-Expires.',
            content: {
              'application/json': { schema: uploadAnswerSchema },
              'text/plain': { schema: z.string() },
              'text/html': { schema: z.string() }
            }
          },
          '4xx': {
            description: 'Refused',
            content: { 'application/problem+json': { schema: problemSchema } }
          }
        }
      },
      config: { failurePage: 'upload', bodyContent: { 'multipart/form-data': z.toJSONSchema(form) } }
    },
    async (request, reply) => {
      check(request)
      const length =
        request.headers['transfer-encoding'] === undefined ? declaredBytes(request.raw) : undefined
      using pass = passFor(context, request, length)
      const parts = new UploadForm(request, clock, config)
      const file = await parts.file()
      const result = await receive(context, reply, pass, {
        ...(length !== undefined && { mostBytes: length }),
        name: formName(file.filename ?? ''),
        mediaType: cleanMediaType(file.mimetype),
        source: parts.bytes(),
        arrivedBytes: () => request.raw.socket.bytesRead,
        starts: parts.starts,
        content: () => parts.content(),
        expect: () => parts.digests(),
        link: async () => ({ ...parts.terms(), ...(await protectedBy(context, reply, parts.password())) })
      })
      return sendUploadAnswer(context, request, reply, result)
    }
  )
}
