/** What members of pools did and were told: the history that the checks of pools judge. */

import type {
  BatchId,
  GroupFile,
  GroupId,
  GroupRecord,
  PoolId,
  PoolRole,
  PoolSettings
} from '../../../src/pools.ts'
import { sha256 } from '../../../src/protocol/ids.ts'
import type { ChunkId, EntryId, UserId } from '../../../src/types.ts'
import { type SimUser, UsersLedger, type Written } from '../files/users-ledger.ts'
import { chunksOf, type Holdings, type Kept, ViolationError } from '../ledger.ts'

/** Files and results that are kept for less than this may be gone before a schedule ends. */
const LONG_MS = 3_600_000

export interface SimPool {
  readonly id: PoolId
  readonly name: string
  /** The pool as the owner of its entries. */
  readonly user: SimUser
  settings: PoolSettings
  /** Every grace there was, and every number of producers that closes a group. */
  readonly graces: Set<number>
  readonly enough: Set<number>
  /** Groups that somebody asked to be closed before their time. */
  readonly demanded: Set<GroupId>
  wasArchived: boolean
  isDeleted: boolean
}

export interface SimMember {
  readonly pool: SimPool
  readonly user: SimUser
  readonly role: PoolRole
  readonly isProgram: boolean
  /** Somebody asked for its end, or for another role, so that it may be turned away. */
  wasTouched: boolean
}

/** A file as its producer has it. */
export interface SentFile {
  readonly member: SimMember
  readonly name: string
  readonly at: number
  readonly written: Written
}

export interface SimBatch {
  readonly id: BatchId
  readonly member: SimMember
  readonly files: readonly SentFile[]
  /** `acknowledged`: its sender was told; `givenUp`: its sender took it back, was told so, and has not begun it again. */
  state: 'open' | 'acknowledged' | 'givenUp'
}

/** Where a file was seen first. */
export interface Placed {
  readonly group: GroupId
  readonly sha256: string
}

/** The first result of a group that the metadata said yes to. */
export interface Accepted {
  readonly fence: number
  readonly server: UserId
  readonly sha256: string
  readonly atMs: number
}

export const identityOf = (
  pool: PoolId,
  user: UserId,
  { at, name }: { readonly at: number; readonly name: string }
): string => `${pool} ${user} ${at} ${name}`

export const identityOfSent = (sent: SentFile): string =>
  identityOf(sent.member.pool.id, sent.member.user.id, sent)

export const labelOf = ({ member, name, at }: SentFile): string =>
  `${name} of ${new Date(at).toISOString()} from ${member.user.name}`

export class PoolsLedger implements Holdings {
  readonly pools: SimPool[] = []
  readonly members: SimMember[] = []
  /** What was sent, by its hash. Of each content the pool is the user. */
  readonly contents = new UsersLedger()
  readonly batches = new Map<BatchId, SimBatch>()
  readonly placed = new Map<string, Placed>()
  readonly accepted = new Map<GroupId, Accepted>()
  /** Groups whose servers were told that their result counts. */
  readonly told = new Set<GroupId>()
  /** Entries whose bytes somebody has compared. */
  readonly read = new Set<EntryId>()
  /** Newest time of the store that anybody heard of. */
  storeMs = 0
  /** Who was given a group with which fence. */
  readonly #leases = new Map<GroupId, Map<number, UserId>>()
  readonly #results = new Map<string, Written[]>()
  #isRecovered = false
  readonly #ended = new Set<GroupId>()
  readonly #variants = new Map<string, SentFile[]>()
  readonly #manifests = new Map<Written, Set<ChunkId>>()
  #nowMs: () => number

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  // ---------------------------------------------------------------- what is sent

  write(pool: SimPool, content: Uint8Array): Written {
    const hash = Buffer.from(sha256(content)).toString('hex')
    const known = this.contents.findWritten(hash)
    if (known !== undefined) return known
    const written: Written = {
      index: this.contents.writings.length,
      user: pool.user,
      content,
      sha256: hash,
      chunks: chunksOf(content),
      startedAtMs: this.#nowMs(),
      state: 'open',
      manifest: undefined
    }
    this.contents.add(written)
    return written
  }

  /** Once there is a manifest, it is one of those. */
  stored(hash: string): void {
    const written = this.contents.findWritten(hash)
    if (written?.manifest === undefined) return
    const known = this.#manifests.get(written) ?? new Set()
    this.#manifests.set(written, known.add(written.manifest))
  }

  /** A producer has it, and may send it. */
  had(sent: SentFile): void {
    const identity = identityOfSent(sent)
    const known = this.#variants.get(identity) ?? []
    this.#variants.set(identity, known)
    if (!known.some(({ written }) => written === sent.written)) known.push(sent)
  }

  /** Contents that its producer had under this name and timestamp. */
  variantsOf(identity: string): readonly SentFile[] {
    return this.#variants.get(identity) ?? []
  }

  acknowledge(id: BatchId): void {
    const batch = this.batches.get(id)
    if (batch === undefined)
      throw new ViolationError('batches', `batch ${id} is acknowledged, and nobody sent it`)
    batch.state = 'acknowledged'
  }

  /** Files that have to be in a group. */
  acknowledged(pool: SimPool): Map<string, SentFile> {
    const files = new Map<string, SentFile>()
    for (const { state, member, files: sent } of this.batches.values())
      if (state === 'acknowledged' && member.pool === pool)
        for (const file of sent) files.set(identityOfSent(file), file)
    return files
  }

  /** The controller's machine was lost: what it had not acknowledged may be gone, and fences that it gave out last may be given out again. */
  recovered(): void {
    this.#isRecovered = true
    this.#leases.clear()
    for (const group of this.accepted.keys()) if (!this.told.has(group)) this.accepted.delete(group)
    this.placed.clear()
    this.#ended.clear()
  }

  // ---------------------------------------------------------------- groups

  /** @throws when a fence was given before, or one that is greater */
  leased({ id, fence, server }: GroupRecord): void {
    if (server === null) throw new ViolationError('results', `group ${id} was given to nobody`)
    const known = this.#leases.get(id) ?? new Map<number, UserId>()
    this.#leases.set(id, known)
    const before = known.get(fence)
    if (before === server) return // the same answer, told on
    if (before !== undefined || fence <= this.fenceOf(id))
      throw new ViolationError(
        'results',
        `group ${id} is given out with fence ${fence} after ${this.fenceOf(id)}`
      )
    known.set(fence, server)
  }

  /** Greatest that anybody was given; 0: nobody was. */
  fenceOf(group: GroupId): number {
    return Math.max(0, ...(this.#leases.get(group)?.keys() ?? []))
  }

  /** A result begins to be sent. */
  sending(group: GroupId, fence: number, written: Written): void {
    const key = `${group} ${fence}`
    this.#results.set(key, [...(this.#results.get(key) ?? []), written])
  }

  /** @param fence of the request @throws unless it is the last that was given out, and the result what its server sent */
  finished(fence: number, { id, state, server, result }: GroupRecord): void {
    if (state !== 'done' || result === null || server === null)
      throw new ViolationError('results', `a result of group ${id} was accepted, and it is ${state}`)
    const known = this.accepted.get(id)
    if (known !== undefined) {
      if (known.fence !== fence || known.sha256 !== result.sha256)
        throw new ViolationError(
          'results',
          `group ${id} had a result of fence ${known.fence}, and gets one of ${fence}`
        )
      return
    }
    const isOld = this.#isRecovered && this.fenceOf(id) === 0
    if (!isOld && (fence !== this.fenceOf(id) || this.#leases.get(id)?.get(fence) !== server))
      throw new ViolationError(
        'results',
        `group ${id} was given out with fence ${this.fenceOf(id)}, and a result of ${fence} is accepted`
      )
    if (!this.resultsOf(id, fence).some(({ sha256: hash }) => hash === result.sha256))
      throw new ViolationError(
        'results',
        `the result of group ${id} is not what was sent with fence ${fence}`
      )
    this.accepted.set(id, { fence, server, sha256: result.sha256, atMs: this.#nowMs() })
  }

  resultsOf(group: GroupId, fence: number): readonly Written[] {
    return this.#results.get(`${group} ${fence}`) ?? []
  }

  /** From now on its files may go when their time is over. */
  ended(group: GroupId): void {
    this.#ended.add(group)
  }

  /** @throws for what its producer never had */
  fileOf(pool: SimPool, file: GroupFile): SentFile {
    const known = this.variantsOf(identityOf(pool.id, file.member, file))
    const sent = known.find(({ written }) => written.sha256 === file.sha256)
    if (sent === undefined)
      throw new ViolationError(
        'batches',
        `${file.name} of ${file.memberName} is in a group, and nobody sent it`
      )
    return sent
  }

  // ---------------------------------------------------------------- what disks must hold

  kept(nowMs: number): Kept[] {
    const sure = new Set<Written>()
    for (const pool of this.pools) {
      if (pool.isDeleted) continue
      const isLong = pool.settings.filesTtlMs >= LONG_MS
      for (const [identity, { written }] of this.acknowledged(pool)) {
        const group = this.placed.get(identity)?.group
        if (isLong || group === undefined || !this.#ended.has(group)) sure.add(written)
      }
    }
    for (const { sha256: hash, atMs } of this.accepted.values()) {
      const written = this.contents.findWritten(hash)
      const pool = this.pools.find(({ user }) => user === written?.user)
      if (written === undefined || pool === undefined || pool.isDeleted) continue
      if (nowMs < atMs + pool.settings.resultTtlMs / 2) sure.add(written)
    }
    return [...sure].map((written) => ({ ...keptOf(written), all: written.chunks }))
  }

  relied(): Kept[] {
    return this.sent()
  }

  /** Each manifest by itself: the same content may have been brought several times. */
  sent(): Kept[] {
    return this.contents.writings.flatMap((written) => {
      const kept = keptOf(written)
      const manifests = [...(this.#manifests.get(written) ?? [])]
      return manifests.length === 0
        ? [kept]
        : manifests.map((manifest) => ({ ...kept, all: [...kept.all, manifest] }))
    })
  }
}

const keptOf = ({ index, chunks, startedAtMs }: Written): Kept => ({
  label: `content ${index}`,
  all: chunks,
  startedAtMs
})
