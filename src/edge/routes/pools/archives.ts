/** `…/groups/{group}/archive.tar` and `archive.zip`: a whole group as one stream. */

import { create as contentDisposition } from 'content-disposition'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import { PreparedBytes } from '../../../client/file-reader.ts'
import { PeerbinError } from '../../../errors.ts'
import type { GroupRecord } from '../../../pools.ts'
import { Budget } from '../../../runtime/budget.ts'
import { deadline, throwIfAborted } from '../../../runtime/deadline.ts'
import type { Lease } from '../../../runtime/budget.ts'
import { actorOf } from '../../accounts/actor.ts'
import type { EdgeContext, Route } from '../../context.ts'
import { DOWNLOAD_POLICY, rangeHeaders } from '../../download-headers.ts'
import { headerOf } from '../../http/accept.ts'
import { conditionOf, validatorHeaders } from '../../http/conditional.ts'
import { chooseRange } from '../../http/range.ts'
import type { DownloadPass } from '../../limits/address-limits.ts'
import { ARCHIVE_FILES_MAX, GroupArchive, ITEM_MEMORY_BYTES } from '../../pools/archive.ts'
import type { ArchiveKind } from '../../pools/archive-layout.ts'
import { gathered } from '../../pools/gathered.ts'
import { groupIdOf, poolIdOf } from '../../pools/fields.ts'
import type { GroupAsked } from '../../pools/group-listing.ts'
import { streamAnswer } from '../../transfer/stream-answer.ts'
import { bytesAnswers, rangeHeaders as headersSchema } from './group-files.ts'
import { groupParams, inGroup, permission, refusals, tags } from './shared.ts'

const CACHE_CONTROL = 'private, no-cache, no-transform'
/** How long somebody waits while others hold all the memory for lists. */
const WAIT_MS = 10_000
const RETRY_MS = 5000
/** Beside a list there are its manifest's pages, and what is read ahead. */
const BASE_MEMORY_BYTES = 512 * 1024

/** Memory for the lists of archives under way, of everybody on this edge. */
class ArchiveRoom {
  readonly #memory: Budget
  readonly #context: EdgeContext

  constructor(context: EdgeContext) {
    const { memoryBytes, memoryWaitersMax } = context.config.edge
    const largest = ARCHIVE_FILES_MAX * ITEM_MEMORY_BYTES + BASE_MEMORY_BYTES
    this.#memory = new Budget(Math.max(Math.floor(memoryBytes / 4), largest), memoryWaitersMax)
    this.#context = context
  }

  /** @throws `too-large`, `busy` */
  async take({ files }: GroupRecord, signal: AbortSignal): Promise<Lease> {
    if (files > ARCHIVE_FILES_MAX)
      throw new PeerbinError('too-large', 'This group has too many files for an archive.')
    using limit = deadline(this.#context.clock, WAIT_MS, signal)
    try {
      return await this.#memory.acquire(files * ITEM_MEMORY_BYTES + BASE_MEMORY_BYTES, limit.signal)
    } catch (error) {
      throwIfAborted(signal)
      throw new PeerbinError('busy', 'too many archives are under way', {
        cause: error,
        retryAfterMs: RETRY_MS
      })
    }
  }
}

type ArchiveRequest = FastifyRequest<{ Params: z.output<typeof groupParams> }>

interface Sending {
  readonly group: GroupRecord
  /** Of the controller, ms. */
  readonly now: number
  readonly asked: GroupAsked
  readonly pass: DownloadPass | undefined
}

async function sendArchive(
  context: EdgeContext,
  request: FastifyRequest,
  reply: FastifyReply,
  kind: ArchiveKind,
  { group, now, asked, pass }: Sending
): Promise<FastifyReply> {
  const archive = await GroupArchive.of(context, asked, group, kind)
  const { sizeBytes } = archive.layout
  // one that is open still may have changed within this second
  const validators = { tag: archive.tag, modifiedAt: group.closedAt ?? now, isDateStrong: false }
  const condition = conditionOf(request.headers, validators)
  if (condition.kind === 'failed') throw new PeerbinError('precondition-failed')
  const cached = {
    ...validatorHeaders(validators),
    'cache-control': CACHE_CONTROL,
    vary: 'authorization, cookie'
  }
  if (condition.kind === 'not-modified') return reply.code(304).headers(cached).send()
  const name = `${new Date(group.start).toISOString().replaceAll(':', '-')}.${kind}`
  const headers = { ...DOWNLOAD_POLICY, ...cached, 'content-disposition': contentDisposition(name) }
  if (pass === undefined) return reply.headers({ ...headers, 'content-length': String(sizeBytes) }).send()
  const choice = chooseRange(condition.range ? headerOf(request.headers, 'range') : undefined, sizeBytes)
  if (choice.kind === 'unsatisfiable')
    throw new PeerbinError('range-not-satisfiable', '', { details: { sizeBytes } })
  const isPart = choice.kind === 'part'
  const range = isPart ? choice.range : { start: 0, end: sizeBytes }
  const bytes = gathered(archive.read(range, { asked, isLate: () => pass.isFurther() }))
  const body = new PreparedBytes(await bytes.next(), bytes)
  return await streamAnswer(context, reply, {
    status: isPart ? 206 : 200,
    headers: { ...headers, ...rangeHeaders(range, sizeBytes, isPart) },
    body,
    signal: asked.signal,
    cutOff: 'an archive was cut off'
  })
}

const archiveOf =
  (kind: ArchiveKind): Route =>
  (app, context) => {
    const room = new ArchiveRoom(context)
    app.route({
      method: ['GET', 'HEAD'],
      url: `/api/pools/:pool/groups/:group/archive.${kind}`,
      schema: {
        summary: `A whole group as a ${kind}`,
        description:
          'For owners and servers. manifest.json first, then MEMBER/TIMESTAMP_NAME. With an exact length; ranges and conditions as RFC 9110 has them, so that it can be resumed, through any edge.',
        tags,
        params: groupParams,
        headers: headersSchema,
        response: {
          ...bytesAnswers('The archive'),
          ...refusals(
            '404 group-unknown; 410 group-emptied; 412 precondition-failed; 413 too-large; 416 range-not-satisfiable; 429 too-many-transfers; 503 busy'
          )
        }
      },
      config: { permission },
      handler: async (request: ArchiveRequest, reply) => {
        const { params } = request
        const actor = actorOf(request)
        using pass = request.method === 'HEAD' ? undefined : context.addresses.download(actor.user, 'user')
        using transfer = context.transfers.begin(reply.raw)
        using guard = context.sessions.guard(actor)
        const signal = AbortSignal.any([transfer.signal, guard.signal])
        const asked = { actor, pool: poolIdOf(params.pool), group: groupIdOf(params.group), signal }
        const { group, now } = await context.controller.call('getGroup', inGroup(request, params))
        const lease = await room.take(group, signal)
        try {
          await sendArchive(context, request, reply, kind, { group, now, asked, pass })
          return reply
        } finally {
          lease.release()
        }
      }
    })
  }

export const archiveRoutes: readonly Route[] = [archiveOf('tar'), archiveOf('zip')]
