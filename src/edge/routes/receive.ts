/** What both ways of uploading have in common. */

import type { FastifyReply } from 'fastify'
import type { UploadRequest, UploadResult } from '../../client/file-writer.ts'
import { PeerbinError } from '../../errors.ts'
import type { PasswordRecord } from '../../types.ts'
import { failpoints } from '../../runtime/failpoints.ts'
import type { EdgeContext } from '../context.ts'
import { typeMatches } from '../http/names.ts'

export type Received = Omit<UploadRequest, 'limitBytes' | 'signal'>

/**
 * What is kept of a password that a sender chose. Asked when the file has come: before that nobody knows whether the form has one, and a file that never comes is to cost no hash.
 * @throws `busy`
 */
export async function protectedBy(
  context: EdgeContext,
  reply: FastifyReply,
  password: string | undefined
): Promise<{ password?: PasswordRecord }> {
  if (password === undefined) return {}
  using transfer = context.transfers.begin(reply.raw)
  return { password: await context.passwords.record(password, transfer.signal) }
}

/** Stores a file; the upload is given up when the client goes away or the edge stops. */
export async function receive(
  context: EdgeContext,
  reply: FastifyReply,
  received: Received
): Promise<UploadResult> {
  const { config, writer, transfers, logger } = context
  if (config.edge.forbiddenTypes.some((pattern) => typeMatches(pattern, received.mediaType)))
    throw new PeerbinError('type-forbidden')
  using transfer = transfers.begin(reply.raw)
  const result = await writer.upload({
    ...received,
    limitBytes: config.edge.uploadBytesMax,
    signal: transfer.signal
  })
  if (failpoints.armed) await failpoints.hit('edge.upload.beforeAnswer')
  logger.info('a file was stored', { file: result.file.id, sizeBytes: result.file.sizeBytes })
  return result
}
