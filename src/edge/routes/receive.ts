/** What both ways of uploading have in common. */

import type { FastifyReply, FastifyRequest } from 'fastify'
import type { UploadRequest, UploadResult } from '../../client/file-writer.ts'
import { PeerbinError } from '../../errors.ts'
import type { PasswordRecord } from '../../types.ts'
import { failpoints } from '../../runtime/failpoints.ts'
import type { EdgeContext } from '../context.ts'
import { isForbidden } from '../../client/forbidden-types.ts'
import { clientAddress, clientHash } from '../limits/client-address.ts'
import type { UploadPass } from '../limits/address-limits.ts'

/** Nobody has an account yet. */
export const ROLE = 'anonymous'

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
  return { password: await context.passwords.record(password, transfer.signal, clientHash(reply.request)) }
}

export type Received = Omit<UploadRequest, 'limitBytes' | 'signal' | 'role'> & {
  /** Most that the file can have, where the request's length says so. */
  readonly mostBytes?: number
}

/**
 * Counts an upload before anything of its body is asked for; it counts until it is disposed of.
 * @param announcedBytes length of the body; undefined: not known
 * @throws `too-many-transfers`, `too-many-uploads`, `daily-bytes-used`
 */
export const passFor = (
  { addresses }: EdgeContext,
  request: FastifyRequest,
  announcedBytes: number | undefined
): UploadPass => addresses.upload(clientAddress(request), ROLE, announcedBytes)

export async function* counted(
  source: AsyncIterable<Uint8Array>,
  pass: Pick<UploadPass, 'received'>
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const piece of source) {
    pass.received(piece.byteLength)
    yield piece
  }
}

/** Stores a file; the upload is given up when the client goes away or the edge stops. The pass ends with it: whoever has the answer may come with the next file. */
export async function receive(
  context: EdgeContext,
  reply: FastifyReply,
  pass: UploadPass,
  { mostBytes = Infinity, ...received }: Received
): Promise<UploadResult> {
  const { request } = reply
  const entry = context.history.begin({ request, action: 'link.upload', path: received.name, bytes: 0 })
  let receivedBytes = 0
  const source = counted(received.source, {
    received: (bytes) => {
      receivedBytes += bytes
      pass.received(bytes)
    }
  })
  try {
    const result = await store(context, reply, pass, { ...received, mostBytes, source })
    const { id: file, name: path, sizeBytes } = result.file
    entry.end({ file, path, bytes: sizeBytes, attempts: result.attempts ?? null })
    return result
  } catch (error) {
    entry.end({ bytes: receivedBytes, error })
    throw error
  }
}

async function store(
  { config, writer, transfers, logger }: EdgeContext,
  reply: FastifyReply,
  pass: UploadPass,
  { mostBytes = Infinity, ...received }: Received
): Promise<UploadResult> {
  if (isForbidden(config.edge.forbiddenTypes, received)) throw new PeerbinError('type-forbidden')
  using _counted = pass
  using transfer = transfers.begin(reply.raw)
  const result = await writer.upload({
    ...received,
    role: ROLE,
    limitBytes: Math.min(config.edge.uploadBytesMax, mostBytes),
    signal: transfer.signal
  })
  if (failpoints.armed) await failpoints.hit('edge.upload.beforeAnswer')
  logger.info('a file was stored', { file: result.file.id, sizeBytes: result.file.sizeBytes })
  return result
}
