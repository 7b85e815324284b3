/** Files whose manifests are on nodes, and that the metadata does not know, are made known again. */

import type { AdoptFile, MetadataStore } from '../../metadata-store.ts'
import { matchesId } from '../../protocol/ids.ts'
import { CHUNKS_PER_PAGE_MAX } from '../../protocol/limits.ts'
import { asPeerbinError, hasCode, PeerbinError } from '../../errors.ts'
import { sleep } from '../../runtime/deadline.ts'
import { decodeManifest } from '../../protocol/manifest.ts'
import type { Manifest, ManifestLink } from '../../protocol/manifest.ts'
import type { Clock, Logger } from '../../interfaces.ts'
import type { ChunkId, ChunkInfo, FileId, PeerId, Receipt } from '../../types.ts'
import { heldChunks } from './held-chunks.ts'
import type { Held, HeldChunksDeps } from './held-chunks.ts'
import { readAhead } from './read-ahead.ts'

/** Manifests fetched ahead; each is a chunk, mostly a small one. */
const AHEAD = 8
/** Files looked at together end with this many chunks, or with the page: a page of large files would not fit in memory. */
const CHUNKS_AT_ONCE = 20_000
/** Files made known at the same time; the store commits them together. */
const ADOPTED_AT_ONCE = 64
const RECEIPTS_AT_ONCE = 256
/** A node goes through all of its records until it has a page of manifests: some seconds for a million chunks. */
const LIST_MS = 5 * 60_000
/** A node that is busy, or whose connection broke, is asked again so often, after so long. */
const ATTEMPTS_MAX = 5
const PAUSE_MS = 1000
/** Named in the answer; more are only counted. */
const LISTED_MAX = 1000

export type AdoptedState = NonNullable<AdoptFile['link']>['state']

export interface AdoptedFile {
  readonly id: FileId
  readonly name: string
  readonly sizeBytes: number
  readonly uploadedAt: number
}

export interface Adoption {
  adopted: number
  readonly adoptedFiles: Array<AdoptedFile & { link: AdoptedState }>
  incomplete: number
  /** Files of which a chunk is on no node that was found. */
  readonly incompleteFiles: Array<AdoptedFile & { missingChunks: number }>
  /** Their links are over, so that nobody can have them any more; or their users deleted them, and the node was not told yet. */
  expired: number
  /** Chunks that look like manifests and are none that can be read, or are whole on no node that was found. */
  unreadable: number
}

export interface AdoptionDeps extends HeldChunksDeps {
  readonly store: Pick<MetadataStore, 'knownChunks' | 'orderedChunks' | 'adoptFile' | 'recordReceipts'>
  readonly secret: Uint8Array
  readonly clock: Clock
  readonly logger: Logger
  /** The store's time, as it goes on from the snapshot; without one the wall clock. */
  readonly now: number
  /** What becomes of the link of a file that is found, by its manifest and the chunk that is. */
  readonly linkState: (link: ManifestLink, chunk: Pick<ChunkInfo, 'generation'>) => AdoptedState
  /** Told after each page: manifests looked at so far, and files adopted. */
  readonly onProgress: (looked: number, adopted: number) => void
}

interface Found {
  readonly chunk: ChunkInfo
  readonly manifest: Manifest
}

/** Goes through the manifests of all nodes. Running it again adopts nothing twice. @throws when a node stops answering */
export async function adoptManifests(deps: AdoptionDeps): Promise<Adoption> {
  const result: Adoption = {
    adopted: 0,
    adoptedFiles: [],
    incomplete: 0,
    incompleteFiles: [],
    expired: 0,
    unreadable: 0
  }
  /** Manifests that came to nothing; other nodes hold them too. */
  const passedOver = new Set<ChunkId>()
  /** Not whole on any node so far. */
  const rotten = new Set<ChunkId>()
  let looked = 0
  for (const { peer: node } of deps.nodes) {
    for await (const page of manifestPages(deps, node)) {
      looked += page.length
      const known = new Set(await deps.store.knownChunks(page.map(({ id }) => id)))
      const news = page.filter(({ id }) => !known.has(id) && !passedOver.has(id))
      const ended = new Set(
        await deps.store.orderedChunks(
          node,
          page.map(({ id }) => id)
        )
      )
      for await (const found of groups(deps, node, news, { passedOver, rotten, ended }, result)) {
        await adoptGroup(deps, found, passedOver, result)
      }
      deps.onProgress(looked, result.adopted)
    }
  }
  result.unreadable += rotten.size
  return result
}

async function* manifestPages(
  { chunkRpc, timeoutMs, signal }: HeldChunksDeps,
  node: PeerId
): AsyncGenerator<ChunkInfo[], void, undefined> {
  for (let after: ChunkId | undefined; ;) {
    const request = { limit: CHUNKS_PER_PAGE_MAX, manifests: true, ...(after !== undefined && { after }) }
    const { message } = await chunkRpc.call(node, 'list', request, {
      timeoutMs: Math.max(timeoutMs, LIST_MS),
      ...(signal && { signal })
    })
    if (message.chunks.length > 0) yield message.chunks
    after = message.chunks.at(-1)?.id
    if (message.chunks.length < CHUNKS_PER_PAGE_MAX) return
  }
}

/** Manifests that can be read, some at a time. */
async function* groups(
  deps: AdoptionDeps,
  node: PeerId,
  chunks: readonly ChunkInfo[],
  { passedOver, rotten, ended }: { passedOver: Set<ChunkId>; rotten: Set<ChunkId>; ended: Set<ChunkId> },
  result: Adoption
): AsyncGenerator<Found[], void, undefined> {
  let group: Found[] = []
  let size = 0
  const read = async (chunk: ChunkInfo) => ({ chunk, manifest: await readManifest(deps, node, chunk) })
  for await (const { chunk, manifest } of readAhead(chunks, AHEAD, read)) {
    if (manifest === 'rotten') {
      rotten.add(chunk.id) // another node may hold it whole
      continue
    }
    rotten.delete(chunk.id)
    if (
      manifest === 'none' ||
      isOver(manifest, deps.now) ||
      (manifest.entry !== undefined && ended.has(chunk.id))
    ) {
      if (manifest === 'none') result.unreadable++
      else result.expired++
      passedOver.add(chunk.id)
      continue
    }
    group.push({ chunk, manifest })
    size += manifest.chunks.length
    if (size < CHUNKS_AT_ONCE) continue
    yield group
    group = []
    size = 0
  }
  if (group.length > 0) yield group
}

/** Nothing leads to it any more. */
const isOver = ({ link, entry }: Manifest, now: number): boolean =>
  (link === undefined || link.expiresAt <= now) &&
  (entry === undefined || (entry.expiresAt !== null && entry.expiresAt <= now))

async function readManifest(
  deps: AdoptionDeps,
  node: PeerId,
  { id }: ChunkInfo
): Promise<Manifest | 'rotten' | 'none'> {
  const { secret, logger } = deps
  const bytes = await getManifest(deps, node, id)
  if (bytes === undefined) return 'rotten'
  if (!matchesId(id, bytes)) return 'rotten'
  try {
    return decodeManifest(bytes, secret)
  } catch (error) {
    logger.warn('a chunk looks like a manifest and is none', { chunk: id, err: error })
    return 'none'
  }
}

/** Undefined when the node has it no longer, or not whole. @throws when it does not answer: a file that was acknowledged would be missing because of that */
async function getManifest(
  { chunkRpc, clock, timeoutMs, signal, logger }: AdoptionDeps,
  node: PeerId,
  id: ChunkId
): Promise<Uint8Array | undefined> {
  for (let attempt = 1; ; attempt++) {
    try {
      const options = { timeoutMs, ...(signal && { signal }) }
      const allocate = (sizeBytes: number): Uint8Array => new Uint8Array(sizeBytes)
      const { body } = await chunkRpc.call(node, 'get', { id, offset: 0 }, { ...options, allocate })
      return body ?? new Uint8Array(0)
    } catch (error) {
      signal?.throwIfAborted()
      logger.warn('a manifest cannot be read from a node', { node, chunk: id, attempt, err: error })
      if (hasCode(error, 'chunk-not-found') || hasCode(error, 'chunk-corrupt')) return undefined
      if (attempt === ATTEMPTS_MAX)
        throw new PeerbinError(
          asPeerbinError(error).code,
          `The node ${node} does not give a manifest that it holds; restart or stop it, and recover again.`,
          { cause: error }
        )
    }
    await sleep(clock, PAUSE_MS, signal)
  }
}

async function adoptGroup(
  deps: AdoptionDeps,
  group: readonly Found[],
  passedOver: Set<ChunkId>,
  result: Adoption
): Promise<void> {
  const held = await heldChunks(
    deps,
    group.flatMap(({ chunk, manifest }) => [chunk.id, ...manifest.chunks.map(({ id }) => id)])
  )
  const work = async ({ chunk, manifest }: Found) => {
    const adopt = adoptionOf(chunk, manifest, held, deps.linkState)
    const isNew = Array.isArray(adopt) || (await deps.store.adoptFile(adopt))
    return { chunk, manifest, adopt, isNew }
  }
  const receipts: Receipt[] = []
  for await (const { chunk, manifest, adopt, isNew } of readAhead(group, ADOPTED_AT_ONCE, work)) {
    const { id, name, sizeBytes, uploadedAt } = manifest
    const file = { id, name, sizeBytes, uploadedAt }
    if (Array.isArray(adopt)) {
      passedOver.add(chunk.id)
      result.incomplete++
      if (result.incompleteFiles.length < LISTED_MAX)
        result.incompleteFiles.push({ ...file, missingChunks: adopt.length })
    } else if (isNew) {
      result.adopted++
      for (const { id: part } of [adopt.manifest, ...adopt.chunks])
        for (const copy of held.get(part)?.copies ?? []) receipts.push(copy)
      if (result.adoptedFiles.length < LISTED_MAX)
        result.adoptedFiles.push({ ...file, link: adopt.link?.state ?? 'live' })
    } else passedOver.add(chunk.id) // a file that ended: what is left of it is garbage
  }
  // so that the files can be read at once, and not only after the nodes' inventories
  for (let from = 0; from < receipts.length; from += RECEIPTS_AT_ONCE)
    await deps.store.recordReceipts(receipts.slice(from, from + RECEIPTS_AT_ONCE))
}

/** Everything the store has to know; or the chunks that no node holds. */
function adoptionOf(
  chunk: ChunkInfo,
  manifest: Manifest,
  held: ReadonlyMap<ChunkId, Held>,
  linkState: AdoptionDeps['linkState']
): AdoptFile | ChunkId[] {
  const { link, entry, chunks: parts, ...file } = manifest
  const missing = parts.filter((part) => held.get(part.id)?.sizeBytes !== part.sizeBytes)
  if (missing.length > 0) return missing.map((part) => part.id)
  const generationOf = (part: ChunkId) => held.get(part)?.generation ?? chunk.generation
  const itself = { id: chunk.id, sizeBytes: chunk.sizeBytes, generation: generationOf(chunk.id) }
  return {
    file,
    manifest: itself,
    chunks: parts.map((part) => ({ ...part, generation: generationOf(part.id) })),
    ...(link !== undefined && { link: { ...link, state: linkState(link, itself) } }),
    ...(entry !== undefined && { entry })
  }
}
