/** What an edge does for a synced folder, as its routes do, without HTTP. */

import { PeerbinError, hasCode } from '../../../src/errors.ts'
import type { EventType, StoredEvent } from '../../../src/events.ts'
import { blockDigestOf, blockIdOf } from '../../../src/protocol/block-id.ts'
import type {
  BlockRef,
  RemoteChanges,
  RemoteCommit,
  RemoteFile,
  RemoteVersion
} from '../../../src/sync/remote.ts'
import { type EntryId, type EntryRecord, SCOPES } from '../../../src/types.ts'
import type { SimEdge } from '../edge.ts'
import type { Asking } from '../files/asking.ts'

const FILE_EVENTS: readonly EventType[] = [
  'file.added',
  'file.edited',
  'file.moved',
  'file.changed',
  'file.removed',
  'file.expired'
]
const ENDED: readonly EventType[] = ['file.removed', 'file.expired']

export async function cursorNow(edge: SimEdge, asking: Asking, signal: AbortSignal): Promise<string> {
  const { cursor } = await heard(edge, asking, { after: undefined, waitMs: 0, signal })
  return cursor
}

/** As `GET /api/events?format=json` answers: what there is, or what comes first within a time. */
async function heard(
  edge: SimEdge,
  asking: Asking,
  { after, waitMs, signal }: { after: string | undefined; waitMs: number; signal: AbortSignal }
): Promise<{ events: readonly StoredEvent[]; cursor: string; more: boolean }> {
  const actor = { ...asking.actor, kind: 'session' as const, scopes: SCOPES }
  using _held = edge.events.open(actor)
  let cursor: string | undefined
  const from = { after, types: FILE_EVENTS, forMs: waitMs, limit: 50 }
  for await (const batch of edge.events.events(actor, from, signal)) {
    cursor = batch.cursor
    if (batch.events.length > 0) return batch
  }
  if (cursor === undefined) throw new PeerbinError('no-controller')
  return { events: [], cursor, more: false }
}

export async function changesOf(
  edge: SimEdge,
  asking: Asking,
  { after, waitMs, signal }: { after: string; waitMs: number; signal: AbortSignal }
): Promise<RemoteChanges> {
  const { events, cursor, more } = await heard(edge, asking, { after, waitMs, signal })
  const last = new Map(events.map((event) => [event.subject as EntryId, event.type]))
  const files: RemoteFile[] = []
  const gone: EntryId[] = []
  for (const [id, type] of last) {
    const file = ENDED.includes(type) ? undefined : await looked(edge, asking, id)
    if (file === undefined) gone.push(id)
    else files.push(file)
  }
  return { files, gone, cursor, more }
}

async function looked(edge: SimEdge, { actor }: Asking, id: EntryId): Promise<RemoteFile | undefined> {
  try {
    return remoteFileOf((await edge.peer.controller.call('getEntry', { actor, id })).entry)
  } catch (error) {
    if (hasCode(error, 'file-unknown')) return undefined
    throw error
  }
}

export async function missingBlocks(
  edge: SimEdge,
  { user }: Asking,
  blocks: readonly BlockRef[],
  signal: AbortSignal
): Promise<Set<string>> {
  const ids = [...new Set(blocks.map(({ digest }) => blockIdOf(digest)))]
  const missing = await edge.parts.blocks.missing(user.id, ids, signal)
  return new Set(missing.map(blockDigestOf))
}

export async function putBlock(
  edge: SimEdge,
  { user }: Asking,
  { bytes, digest, signal }: { bytes: Uint8Array; digest: string; signal: AbortSignal }
): Promise<void> {
  await edge.parts.blocks.put(user.id, bytes, { sha256: digest, signal })
}

export async function commitBlocks(
  edge: SimEdge,
  { user }: Asking,
  file: RemoteCommit,
  signal: AbortSignal
): Promise<RemoteFile> {
  const { commitId, path, blocks, sha256, sizeBytes, base, mediaType, metadata } = file
  const outcome = await edge.parts.blocks.commit({
    commitId,
    entry: { user: user.id, path, metadata, base: base?.version ?? 0, ...(base && { baseEntry: base.id }) },
    mediaType,
    blocks: blocks.map(({ digest, sizeBytes: size }) => ({ chunk: blockIdOf(digest), sizeBytes: size })),
    sha256,
    signal
  })
  if (outcome.kind === 'missing') throw new PeerbinError('blocks-missing')
  const { entry: id, version } = outcome.stored
  return { id, path, version, sizeBytes, sha256, changedAt: edge.process.clock.now(), mediaType, metadata }
}

export async function blocksOf(
  edge: SimEdge,
  { actor }: Asking,
  { id, version }: RemoteVersion
): Promise<BlockRef[]> {
  const { file, chunks } = await edge.peer.controller.call('openContent', { actor, id, version })
  if (chunks.length < file.chunkCount) throw new Error('files of the simulator have few blocks')
  return chunks.map((chunk) => ({ digest: blockDigestOf(chunk.id), sizeBytes: chunk.sizeBytes }))
}

/** Undefined for one of which nothing was ever stored. */
export function remoteFileOf({ id, path, changedAt, current }: EntryRecord): RemoteFile | undefined {
  const { number: version, sizeBytes, sha256, mediaType, metadata } = current
  if (sha256 === null) return undefined
  return { id, path, version, sizeBytes, sha256, changedAt, mediaType, metadata }
}
