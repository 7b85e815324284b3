/** A batch in one request: announced, brought and committed, or none of it counts. */

import { createHash } from 'node:crypto'
import type { FastifyReply } from 'fastify'
import { PeerbinError } from '../../errors.ts'
import { asking } from '../accounts/actor.ts'
import type { EdgeContext } from '../context.ts'
import type { UploadPass } from '../limits/address-limits.ts'
import { announce } from './announce.ts'
import type { Asked } from './announce.ts'
import { batchAnswer } from './answers.ts'
import type { BatchAnswer } from './answers.ts'
import { awaitedFile, storeBatchFile } from './batch-files.ts'
import type { BatchForm } from './batch-form.ts'
import type { BatchManifest } from './manifest.ts'

/** Reads a file that is there already: the sender's claim that it is the same one is looked at all the same. */
async function passOver(
  source: AsyncIterable<Uint8Array>,
  { sha256, sizeBytes }: { readonly sha256: string; readonly sizeBytes: number },
  pass: UploadPass
): Promise<void> {
  const hash = createHash('sha256')
  let size = 0
  for await (const piece of source) {
    pass.received(piece.byteLength)
    hash.update(piece)
    size += piece.byteLength
    if (size > sizeBytes) break
  }
  if (size !== sizeBytes || hash.digest('hex') !== sha256) throw new PeerbinError('checksum-mismatch')
}

/** Which file it was about, where the error does not say. */
const about = (error: unknown, index: number, name: string): unknown => {
  if (!(error instanceof PeerbinError) || error.details['index'] !== undefined) return error
  const { code, message, retryAfterMs, details, cause } = error
  return new PeerbinError(code, message, {
    cause,
    details: { ...details, index, name },
    ...(retryAfterMs !== undefined && { retryAfterMs })
  })
}

export interface WholeBatch {
  readonly form: BatchForm
  readonly manifest: BatchManifest
  readonly pass: UploadPass
}

/**
 * What came stays with the batch when something is wrong with the rest, so that the sender can go on with it.
 * @returns `isNew` false: it was committed before, and nothing of the body was looked at
 * @throws `batch-incomplete`, `checksum-mismatch`, `invalid-field`, with the index of the file; what announce and storeBatchFile do
 */
export async function receiveBatch(
  context: EdgeContext,
  reply: FastifyReply,
  asked: Asked,
  { form, manifest, pass }: WholeBatch
): Promise<{ answer: BatchAnswer; isNew: boolean }> {
  const { controller, sessions } = context
  const { actor, pool } = asked
  const { files, batch } = manifest
  const announced = await announce(context, asked, manifest)
  if (announced.batch.state === 'committed') return { answer: batchAnswer(announced.batch, []), isNew: false }
  for (const { index, name, sha256, sizeBytes } of files) {
    try {
      const source = await form.file(index)
      if (source === undefined) throw new PeerbinError('batch-incomplete')
      const place = { actor, pool, batch, index }
      const awaited = await awaitedFile(context, place)
      if (awaited.state === 'declared') await storeBatchFile(context, reply, place, awaited, { source, pass })
      else await passOver(source, { sha256, sizeBytes }, pass)
    } catch (error) {
      throw about(error, index, name)
    }
  }
  await form.end(files.length)
  await sessions.confirm(actor)
  const committed = await controller.call('commitBatch', { actor: asking(actor), pool, batch })
  return { answer: batchAnswer(committed.batch, []), isNew: true }
}
