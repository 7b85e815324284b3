/** Takes in bytes of a pool: a file of a batch, or a result. They become an entry of the pool's own, by the same way as files of users. */

import { crc32 } from 'node:zlib'
import type { FastifyReply } from 'fastify'
import { nameOf } from '../../client/entry-upload.ts'
import type { EntryTerms } from '../../client/entry-upload.ts'
import { PeerbinError, hasCode } from '../../errors.ts'
import { poolOwner } from '../../pools.ts'
import type { PoolId } from '../../pools.ts'
import { abortReason, abortScope } from '../../runtime/deadline.ts'
import type { UserId } from '../../types.ts'
import type { Actor } from '../accounts/actor.ts'
import type { EdgeContext } from '../context.ts'
import type { Digests } from '../http/digests.ts'
import type { UploadPass } from '../limits/address-limits.ts'

/** Of the entry, not of what its sender said of it: what a zip needs to know before the first byte of a file. */
export const CRC_KEY = 'crc32'

export const crcText = (crc: number): string => crc.toString(16).padStart(8, '0')

/** The pool itself asks: whoever is let at a file was asked for before (openPoolFile, getBatchFile, renewLease). */
export const asPool = (pool: PoolId): { user: UserId; role: 'user' } => ({
  user: poolOwner(pool),
  role: 'user'
})

export interface PoolBytes {
  readonly actor: Actor
  readonly pool: PoolId
  /** batchPath or resultPath. */
  readonly path: string
  readonly mediaType: string
  readonly source: AsyncIterable<Uint8Array>
  /** As announced; undefined: not known. More, or less, is refused. */
  readonly sizeBytes: number | undefined
  readonly limitBytes: number
  readonly digests: Digests
  /** When a new entry is gone unless something becomes of it: of the controller's time, or counted from now. */
  readonly expires: { readonly at: number } | { readonly ttlMs: number }
  readonly pass: UploadPass
  /** Asked when all bytes have come: whoever sends them may have lost the right to. Throws why. */
  readonly stillWanted: () => Promise<unknown>
}

/**
 * Where an entry is already (of an answer that was lost, or of a batch that was given up), this becomes its next version, if nobody is faster: nothing that a commit has looked at
 * changes behind its back, nor gets another end.
 */
async function placeOf(
  { controller }: Pick<EdgeContext, 'controller'>,
  { pool, path, expires }: Pick<PoolBytes, 'pool' | 'path' | 'expires'>,
  signal: AbortSignal
): Promise<EntryTerms> {
  const user = poolOwner(pool)
  const { entry } = await controller.call('findEntry', { actor: asPool(pool), owner: user, path }, { signal })
  if (entry !== null) return { user, path, base: entry.current.number, baseEntry: entry.id }
  const end = 'at' in expires ? { expiresAt: expires.at } : { ttlMs: expires.ttlMs }
  return { user, path, onlyNew: true, ...end }
}

/**
 * Stores them, durably on as many nodes as any upload. While bytes come it ends with its client and with the session; once all have come it goes on without either.
 * @throws `checksum-mismatch` for other bytes than those that were announced, `path-taken` or `version-conflict` when somebody else was faster, what `stillWanted` throws, and what
 * FileWriter.uploadEntry does
 */
export async function storePoolBytes(
  context: EdgeContext,
  reply: FastifyReply,
  bytes: PoolBytes
): Promise<void> {
  const { sessions, transfers, writer } = context
  const { actor, mediaType, path, sizeBytes, limitBytes, digests, pass } = bytes
  using held = transfers.hold()
  using client = transfers.begin(reply.raw)
  using guard = sessions.guard(actor)
  using stop = abortScope(held.signal)
  const leaving = AbortSignal.any([client.signal, guard.signal])
  let hasEnded = false
  const onLeaving = (): void => {
    if (!hasEnded) stop.abort(abortReason(leaving))
  }
  if (leaving.aborted) onLeaving()
  else leaving.addEventListener('abort', onLeaving, { once: true })
  let crc = 0
  const watched = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const piece of bytes.source) {
      pass.received(piece.byteLength)
      crc = crc32(piece, crc)
      yield piece
    }
    hasEnded = true
  }
  try {
    const terms = await placeOf(context, bytes, stop.signal)
    await writer.uploadEntry({
      name: nameOf(path),
      mediaType,
      source: watched(),
      limitBytes: Math.min(sizeBytes ?? Infinity, limitBytes),
      owner: { user: terms.user, path, ...(terms.onlyNew === true && { onlyNew: true }) },
      expect: () => digests,
      entry: async () => {
        await bytes.stillWanted()
        return { ...terms, metadata: { [CRC_KEY]: crcText(crc) } }
      },
      signal: stop.signal
    })
  } catch (error) {
    if (hasCode(error, 'too-large') && sizeBytes !== undefined && sizeBytes <= limitBytes)
      throw new PeerbinError(
        'checksum-mismatch',
        `The file has more than the ${sizeBytes} bytes announced.`,
        {
          cause: error
        }
      )
    throw error
  } finally {
    leaving.removeEventListener('abort', onLeaving)
  }
}
