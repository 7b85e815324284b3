/** What an edge does for members of pools, as its routes do, without HTTP. */

import type { FastifyReply } from 'fastify'
import type { Actor } from '../../../src/edge/accounts/actor.ts'
import { asking } from '../../../src/edge/accounts/actor.ts'
import type { EdgeContext } from '../../../src/edge/context.ts'
import type { UploadPass } from '../../../src/edge/limits/address-limits.ts'
import { announce, batchWithMissing } from '../../../src/edge/pools/announce.ts'
import { batchAnswer } from '../../../src/edge/pools/answers.ts'
import { awaitWork } from '../../../src/edge/pools/await-work.ts'
import { awaitedFile, storeBatchFile } from '../../../src/edge/pools/batch-files.ts'
import type { BatchPlace } from '../../../src/edge/pools/batch-files.ts'
import { listedFiles } from '../../../src/edge/pools/group-listing.ts'
import type { GroupAsked } from '../../../src/edge/pools/group-listing.ts'
import { parseManifest } from '../../../src/edge/pools/manifest.ts'
import { openGroupFile } from '../../../src/edge/pools/open-file.ts'
import { storePoolBytes } from '../../../src/edge/pools/store-bytes.ts'
import { Transfers } from '../../../src/edge/transfer/transfers.ts'
import { PeerbinError, hasCode } from '../../../src/errors.ts'
import { POOL_FILES_PER_PAGE_MAX } from '../../../src/protocol/limits.ts'
import { resultPath } from '../../../src/pools.ts'
import type { BatchId, GroupFile, GroupId, GroupRecord, PoolId } from '../../../src/pools.ts'
import { SCOPES, type EntryId, type SessionId } from '../../../src/types.ts'
import type { SimEdge } from '../edge.ts'
import type { SimUser } from '../files/users-ledger.ts'

const NEVER = new AbortController().signal

/** Whoever is signed in stays so here: sessions are the business of other tests. */
export const actorOf = ({ id, name }: SimUser): Actor => ({
  user: id,
  name,
  role: 'user',
  session: id as unknown as SessionId,
  kind: 'session',
  scopes: SCOPES,
  expiresAt: null
})

const contexts = new WeakMap<SimEdge, EdgeContext>()

/** What of an edge's parts these requests need. */
function contextOf(edge: SimEdge): EdgeContext {
  const known = contexts.get(edge)
  if (known !== undefined) return known
  const { controller, membership, clock, random, logger, config } = edge.peer
  const context = {
    ...edge.parts,
    controller,
    membership,
    clock,
    random,
    logger,
    config,
    transfers: new Transfers(),
    sessions: {
      confirm: async () => {},
      guard: () => ({ signal: new AbortController().signal, [Symbol.dispose]: () => {} })
    }
  }
  contexts.set(edge, context as unknown as EdgeContext)
  return context as unknown as EdgeContext
}

/** A connection that does not break before its request is answered: those that do are the sender's to lose. */
const newReply = (): FastifyReply =>
  ({
    raw: { writableFinished: false, closed: false, on: () => {}, off: () => {} }
  }) as unknown as FastifyReply
const NO_LIMITS = { received: () => {}, [Symbol.dispose]: () => {} } as unknown as UploadPass

export interface InPool {
  readonly user: SimUser
  readonly pool: PoolId
}

const askedIn = ({ user, pool }: InPool) => ({ actor: actorOf(user), pool, signal: NEVER })

// ---------------------------------------------------------------- producers

/** `POST …/batches` */
export async function announceBatch(edge: SimEdge, who: InPool, body: unknown) {
  const context = contextOf(edge)
  const asked = askedIn(who)
  const manifest = parseManifest(context, asked.actor, body)
  await announce(context, asked, manifest)
  return await batchWithMissing(context, asked, manifest.batch)
}

/** `GET …/batches/:batch?missing=1&after=` */
export async function missingOf(
  edge: SimEdge,
  { user, pool }: InPool,
  batch: BatchId,
  after: number | undefined
) {
  const page = await edge.peer.controller.call('getBatch', {
    actor: asking(actorOf(user)),
    pool,
    batch,
    missing: true,
    limit: POOL_FILES_PER_PAGE_MAX,
    ...(after !== undefined && { after })
  })
  return batchAnswer(page.batch, page.batch.state === 'open' ? page.files : [])
}

/** `PUT …/batches/:batch/files/:index` */
export async function putFile(
  edge: SimEdge,
  { user, pool }: InPool,
  { batch, index }: { batch: BatchId; index: number },
  source: AsyncIterable<Uint8Array>
) {
  const context = contextOf(edge)
  const place: BatchPlace = { actor: actorOf(user), pool, batch, index }
  const awaited = await awaitedFile(context, place)
  if (awaited.state !== 'declared') return { index, state: awaited.state }
  await storeBatchFile(context, newReply(), place, awaited, { source, pass: NO_LIMITS })
  return { index, state: 'stored' as const }
}

/** `POST …/batches/:batch/commit` */
export async function commitBatch(edge: SimEdge, { user, pool }: InPool, batch: BatchId) {
  const asked = { actor: asking(actorOf(user)), pool, batch }
  return batchAnswer((await edge.peer.controller.call('commitBatch', asked)).batch, [])
}

/** `DELETE …/batches/:batch` */
export async function giveUpBatch(edge: SimEdge, { user, pool }: InPool, batch: BatchId) {
  return await edge.peer.controller.call('abandonBatch', { actor: asking(actorOf(user)), pool, batch })
}

// ---------------------------------------------------------------- servers and listeners

/** `POST …/work?wait=` */
export async function workFor(edge: SimEdge, who: InPool, waitMs: number): Promise<GroupRecord | undefined> {
  return await awaitWork(contextOf(edge), askedIn(who), { group: undefined, waitMs })
}

const inGroup = (who: InPool, group: GroupId): GroupAsked => ({ ...askedIn(who), group })

/** `GET …/groups/:group/manifest` */
export async function filesOf(edge: SimEdge, who: InPool, group: GroupId): Promise<GroupFile[]> {
  const files: GroupFile[] = []
  for await (const page of listedFiles(contextOf(edge), inGroup(who, group)))
    files.push(...page.map(({ file }) => file))
  return files
}

/** `GET …/groups/:group/files/:entry`, or without one `GET …/groups/:group/result` */
export async function readFrom(
  edge: SimEdge,
  who: InPool,
  group: GroupId,
  entry?: EntryId
): Promise<{ bytes: Uint8Array; group: GroupRecord }> {
  const opened = await openGroupFile(contextOf(edge), inGroup(who, group), entry)
  const { file, chunks } = opened.content
  const { id, sizeBytes, chunkCount } = file
  const range = { start: 0, end: sizeBytes }
  const pieces: Uint8Array[] = []
  const wanted = { file: id, sizeBytes, chunkCount, firstPage: chunks, range }
  for await (const piece of edge.spoil(edge.parts.reader.read(wanted))) pieces.push(piece.slice())
  return { bytes: Buffer.concat(pieces), group: opened.group }
}

export interface Held extends InPool {
  readonly group: GroupId
  readonly fence: number
}

const holding = ({ user, pool, group, fence }: Held) => ({
  actor: asking(actorOf(user)),
  pool,
  group,
  fence
})

/** `PUT …/groups/:group/result?fence=` */
export async function takeResult(
  edge: SimEdge,
  held: Held,
  source: AsyncIterable<Uint8Array>
): Promise<GroupRecord> {
  const context = contextOf(edge)
  const { controller, config } = context
  const { user, pool, group, fence } = held
  const asked = holding(held)
  try {
    await controller.call('renewLease', asked)
    await storePoolBytes(context, newReply(), {
      actor: actorOf(user),
      pool,
      path: resultPath(group, fence),
      mediaType: 'application/octet-stream',
      source,
      sizeBytes: undefined,
      limitBytes: 1024 * 1024,
      digests: {},
      expires: { ttlMs: config.pools.batchTtlMs },
      pass: NO_LIMITS,
      stillWanted: async () => await controller.call('renewLease', asked)
    })
    return (await controller.call('finishGroup', { ...asked, name: 'result', metadata: {} })).group
  } catch (error) {
    if (!hasCode(error, 'lease-lost', 'group-done', 'path-taken', 'version-conflict')) throw error
    const { group: now } = await controller.call('getGroup', { actor: asked.actor, pool, group })
    if (now.state === 'done' && now.fence === fence && now.server === user.id) return now
    throw now.state === 'done' ? new PeerbinError('group-done', '', { cause: error }) : error
  }
}

/** `POST …/groups/:group/renew` */
export async function renew(edge: SimEdge, held: Held): Promise<GroupRecord> {
  return (await edge.peer.controller.call('renewLease', holding(held))).group
}

/** `POST …/groups/:group/failure` */
export async function fail(edge: SimEdge, held: Held, isFinal: boolean): Promise<GroupRecord> {
  const asked = { ...holding(held), reason: 'it did not work', isFinal }
  return (await edge.peer.controller.call('failGroup', asked)).group
}
