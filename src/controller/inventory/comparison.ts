/** One node's inventory, compared with what is recorded for it: by digest, and by list where digests differ. */

import { PeerbinError } from '../../errors.ts'
import type { HeldChunk, HeldOutcome, MetadataStore } from '../../metadata-store.ts'
import { CHUNKS_PER_PAGE_MAX, INVENTORY_PREFIXES } from '../../protocol/limits.ts'
import type { ChunkId } from '../../types.ts'
import { inParallel } from '../../runtime/in-parallel.ts'
import type { Claims } from './claims.ts'
import { bootChanged, checkRecorded, recordHeld } from './holdings.ts'
import type { HoldingsDeps, RecordedCopy, Said, Visit } from './holdings.ts'
import { beforeFirstOf, byDigest, checkOrder, lastOf } from './prefixes.ts'

/** A node goes through all of its records for it: some seconds for a million chunks. */
const STOCK_MS = 5 * 60 * 1000
/** Prefixes confirmed in one step: the store writes down together what comes together. */
const PREFIXES_AT_ONCE = 32
/** Pages of one prefix: 64 Ki chunks, 16 Mi for the node. One that lists more without an end is not believed. */
const PAGES_MAX = 256
/** Unknown chunks taken note of in one comparison; beyond that only what is recorded is compared, so that no list fills the metadata. */
const UNKNOWN_MAX = 1_000_000
/** Surplus copies read in one comparison; the next one goes on with the others, which nobody needs meanwhile. */
const PROOFS_MAX = 1024

export interface ComparisonDeps extends HoldingsDeps {
  store: Pick<MetadataStore, 'confirmCopies' | 'listCopies' | 'reconcileHeld' | 'dropCopy'>
  claims: Claims
  /** Told of chunks whose copy on the node turned out to be lost. */
  onLost: (chunks: readonly ChunkId[]) => void
  /** Sees to copies at a smaller generation than that of their chunk's present life. */
  onStale: (visit: Visit, held: readonly HeldChunk[], signal: AbortSignal) => Promise<void>
}

/** Numbers of what was found. */
export interface Findings {
  /** What the node says it holds in all. */
  chunks: number
  lost: number
  foreign: number
}

/**
 * Compares one node, once. It goes step by step, each with a bounded number of requests; at any of them it may be left off. It throws when the node does not
 * answer, is in another boot than `visit.boot`, or breaks the rules: then a whole new comparison has to be made.
 */
export class Comparison {
  readonly #deps: ComparisonDeps
  readonly #visit: Visit
  readonly #findings: Findings = { chunks: 0, lost: 0, foreign: 0 }
  #unknown = 0
  #proofs = 0

  /** @param visit its number is greater than that of every earlier comparison of the node */
  constructor(deps: ComparisonDeps, visit: Visit) {
    this.#deps = deps
    this.#visit = visit
  }

  /** Yields after each step. */
  async *run(signal: AbortSignal): AsyncGenerator<void, Findings> {
    const { chunkRpc, timeoutMs } = this.#deps
    const { peer, boot } = this.#visit
    // a small question first: one that does not answer that is not waited for as long as stocktaking may take
    const probe = await chunkRpc.call(peer, 'list', { limit: 1 }, { signal, timeoutMs })
    if (probe.message.boot !== boot) throw bootChanged()
    const { message } = await chunkRpc.call(peer, 'inventory', {}, { signal, timeoutMs: STOCK_MS })
    if (message.boot !== boot) throw bootChanged()
    this.#findings.chunks = message.prefixes.reduce((sum, { count }) => sum + count, 0)
    yield
    const digests = message.prefixes.map(({ digest }, prefix) => ({ digest, prefix }))
    for (let first = 0; first < INVENTORY_PREFIXES; first += PREFIXES_AT_ONCE) {
      const page = digests.slice(first, first + PREFIXES_AT_ONCE)
      const same = await inParallel(page, PREFIXES_AT_ONCE, (prefix) => this.#confirm(prefix))
      yield
      for (const { prefix } of page.filter((_prefix, index) => same[index] === false)) {
        yield* this.#comparePrefix(prefix, signal)
      }
    }
    return { ...this.#findings }
  }

  async #confirm(summary: { prefix: number; digest: string }): Promise<boolean> {
    const { peer, host, boot } = this.#visit
    return await this.#deps.store.confirmCopies({ peer, host, boot, ...summary })
  }

  async *#comparePrefix(prefix: number, signal: AbortSignal): AsyncGenerator<void, void> {
    const end = lastOf(prefix)
    let after = beforeFirstOf(prefix)
    for (let pages = 0; pages < PAGES_MAX; pages++) {
      const page = await this.#listHeld(after, signal)
      const held = page.held.filter(({ chunk }) => byDigest(chunk, end) <= 0)
      const isLast = held.length < CHUNKS_PER_PAGE_MAX
      const through = isLast ? end : (held.at(-1)?.chunk ?? end)
      yield* this.#compareRange({ ...page, held }, after, through, signal)
      if (isLast) return
      after = through
      yield
    }
    throw new PeerbinError('protocol-violation', 'a node lists more chunks than there can be')
  }

  async #listHeld(after: ChunkId | undefined, signal: AbortSignal): Promise<Said> {
    const { chunkRpc, trims, timeoutMs } = this.#deps
    const since = trims.last
    const request = { limit: CHUNKS_PER_PAGE_MAX, ...(after !== undefined && { after }) }
    const { message } = await chunkRpc.call(this.#visit.peer, 'list', request, { signal, timeoutMs })
    if (message.boot !== this.#visit.boot) throw bootChanged()
    const held = message.chunks.map(({ id, generation }) => ({ chunk: id, generation }))
    checkOrder(
      held.map(({ chunk }) => chunk),
      after
    )
    return { held, since }
  }

  /** What the node listed of the range after … through, against what is recorded of it. */
  async *#compareRange(
    said: Said,
    after: ChunkId | undefined,
    through: ChunkId,
    signal: AbortSignal
  ): AsyncGenerator<void, void> {
    const { held } = said
    const lost: ChunkId[] = []
    const generations = new Map(held.map(({ chunk, generation }) => [chunk, generation]))
    const known = new Set<ChunkId>()
    for (let from = after, more = true; more;) {
      const recorded = await this.#deps.store.listCopies(this.#visit.peer, from, CHUNKS_PER_PAGE_MAX)
      const inRange = recorded.filter(({ chunk }) => byDigest(chunk, through) <= 0)
      for (const { chunk } of inRange) if (generations.has(chunk)) known.add(chunk)
      const missing = inRange.filter(({ chunk, generation }) => {
        const listed = generations.get(chunk)
        return listed === undefined || listed < generation
      })
      lost.push(...(await this.#check(missing, signal)))
      from = inRange.at(-1)?.chunk
      more = inRange.length === CHUNKS_PER_PAGE_MAX
      if (more) yield
    }
    if (held.length > 0) lost.push(...(await this.#reconcile(said, known, signal)))
    // after the stale ones among them were lifted, which needs no bytes
    this.#findings.lost += lost.length
    if (lost.length > 0) this.#deps.onLost(lost)
  }

  /** Answers those that turned out to be lost after all. */
  async #reconcile(
    { held: listed, since }: Said,
    known: ReadonlySet<ChunkId>,
    signal: AbortSignal
  ): Promise<ChunkId[]> {
    const { onStale } = this.#deps
    const held = await this.#believed(listed, known, signal)
    const taken = await recordHeld(this.#deps, this.#visit, { held, since }, signal)
    const having = (wanted: HeldOutcome): HeldChunk[] =>
      taken.flatMap(({ outcome, ...copy }) => (outcome === wanted ? [copy] : []))
    const { boot } = this.#visit
    this.#unknown += having('unknown').length
    this.#findings.foreign += having('foreign').length
    // what was not recorded before may have been trimmed, or found rotten, after the node listed it
    const added = having('recorded').filter(({ chunk }) => !known.has(chunk))
    const lost = await this.#check(
      added.map((copy) => ({ ...copy, boot })),
      signal
    )
    const stale = having('stale')
    if (stale.length > 0) await onStale(this.#visit, stale, signal)
    return lost
  }

  /** What is recorded is only brought up to date; what is not must be within bounds, and some of it proved. */
  async #believed(
    listed: readonly HeldChunk[],
    known: ReadonlySet<ChunkId>,
    signal: AbortSignal
  ): Promise<HeldChunk[]> {
    const { claims } = this.#deps
    const isNew = ({ chunk }: HeldChunk): boolean => !known.has(chunk)
    if (this.#unknown >= UNKNOWN_MAX) return listed.filter((copy) => !isNew(copy))
    const refused = new Set<ChunkId>()
    for (const { chunk } of await claims.doubted(listed.filter(isNew))) {
      const isProved = this.#proofs++ < PROOFS_MAX && (await claims.isProved(this.#visit, chunk, signal))
      if (!isProved) refused.add(chunk)
    }
    return listed.filter(({ chunk }) => !refused.has(chunk))
  }

  async #check(copies: readonly RecordedCopy[], signal: AbortSignal): Promise<ChunkId[]> {
    return copies.length === 0 ? [] : await checkRecorded(this.#deps, this.#visit, copies, signal)
  }
}
