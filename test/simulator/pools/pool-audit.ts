/** What must be true of pools at any moment, and once all is done: found by looking at the metadata between two steps. */

import type { MetadataStore } from '../../../src/metadata-store.ts'
import type { GroupFile, GroupId, GroupRecord } from '../../../src/pools.ts'
import type { EntryRecord } from '../../../src/types.ts'
import { ViolationError } from '../ledger.ts'
import type { World } from '../world.ts'
import { identityOf, labelOf, type PoolsLedger, type SimPool } from './pools-ledger.ts'

const PAGE = 500

interface Looked {
  readonly group: GroupRecord
  /** Undefined: they have been let go. */
  readonly files: readonly GroupFile[] | undefined
}

/** A group as it was when it was seen closed first. */
interface Closed {
  readonly files: number
  readonly bytes: number
}

export class PoolAudit {
  readonly #world: World
  readonly #ledger: PoolsLedger
  /** These are metadata that were recovered. */
  #isRecovered = false
  readonly #closed = new Map<GroupId, Closed>()

  constructor(world: World, ledger: PoolsLedger) {
    this.#world = world
    this.#ledger = ledger
  }

  /** @throws ViolationError */
  async look(): Promise<void> {
    const { recovery } = this.#world
    if (recovery.isDue) return
    if (recovery.recovered !== undefined && !this.#isRecovered) {
      this.#isRecovered = true
      this.#closed.clear()
      this.#ledger.recovered()
    }
    for (const pool of this.#ledger.pools) {
      if (pool.isDeleted) continue
      const due = this.#ledger.acknowledged(pool)
      const looked = await this.#world.database.look(async (store) => await lookAt(store, pool))
      if (pool.isDeleted) continue
      for (const each of looked) this.#group(pool, each)
      this.#files(pool, looked)
      for (const [identity, sent] of due) {
        const placed = this.#ledger.placed.get(identity)
        if (placed === undefined)
          throw new ViolationError('batches', `${labelOf(sent)} was acknowledged, and is in no group`)
        if (placed.sha256 !== sent.written.sha256)
          throw new ViolationError(
            'batches',
            `${labelOf(sent)} was acknowledged, and other bytes are in a group`
          )
      }
      await this.#batches(pool, looked)
    }
  }

  #group(pool: SimPool, { group, files }: Looked): void {
    const { id, state, start, end, closesAt, closedAt, result, isLate, fence, openedAt } = group
    const wrong = (what: string): never => {
      throw new ViolationError('groups', `group ${id} (${state}, fence ${fence}) ${what}`)
    }
    if (files !== undefined) {
      const bytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
      const producers = new Set(files.map(({ member }) => member)).size
      if (group.files !== files.length) wrong(`has ${files.length} files, and ${group.files} are counted`)
      if (group.bytes !== bytes) wrong(`has ${bytes} bytes, and ${group.bytes} are counted`)
      if (group.producers !== producers)
        wrong(`has ${producers} producers, and ${group.producers} are counted`)
      const stray = files.find(({ at }) => at < start || at >= end)
      if (stray !== undefined) wrong(`has ${stray.name} of ${stray.at}, which is not of its window`)
    }
    const graceMs = closesAt - (isLate ? Math.max(end, openedAt) : end)
    const isInTime = isLate ? graceMs >= 0 : pool.graces.has(graceMs)
    // of a pool that is archived everything closes at once
    if (!isInTime && !pool.wasArchived) wrong(`is to close ${graceMs} ms after its window`)
    if (state === 'open') return
    const isDemanded = pool.demanded.has(id) || [...pool.enough].some((enough) => group.producers >= enough)
    if (closedAt === null || (closedAt < closesAt && !isDemanded))
      wrong(`has closed at ${closedAt}, and its time is ${closesAt}`)
    const known = this.#closed.get(id)
    if (known !== undefined && (known.files !== group.files || known.bytes !== group.bytes))
      wrong(`had ${known.files} files when it closed, and has ${group.files}`)
    this.#closed.set(id, { files: group.files, bytes: group.bytes })
    // it was accepted before the loss, and nobody was told
    if (this.#isRecovered && state === 'done') this.#ledger.finished(fence, group)
    const accepted = this.#ledger.accepted.get(id)
    if (accepted !== undefined && (state !== 'done' || fence !== accepted.fence))
      wrong(`had a result of fence ${accepted.fence}`)
    if (accepted !== undefined && result?.sha256 !== accepted.sha256) wrong('has another result than it had')
    if (accepted === undefined && (state === 'done' || result !== null))
      wrong('has a result that nobody accepted')
    if (state === 'done' || state === 'failed') this.#ledger.ended(id)
  }

  /** Each is in one group, once, and it is what somebody sent. */
  #files(pool: SimPool, looked: readonly Looked[]): void {
    const { placed } = this.#ledger
    const there = new Map<string, GroupId>()
    for (const { group, files } of looked)
      for (const file of files ?? []) {
        const sent = this.#ledger.fileOf(pool, file)
        const identity = identityOf(pool.id, file.member, file)
        const before = there.get(identity) ?? placed.get(identity)?.group
        if (there.has(identity) || (before !== undefined && before !== group.id))
          throw new ViolationError(
            'groups',
            `${labelOf(sent)} is in group ${before} and in group ${group.id}`
          )
        there.set(identity, group.id)
        placed.set(identity, { group: group.id, sha256: file.sha256 })
      }
    const emptied = new Set(looked.filter(({ files }) => files === undefined).map(({ group }) => group.id))
    for (const [identity, { group }] of placed)
      if (identity.startsWith(pool.id) && !there.has(identity) && !emptied.has(group))
        throw new ViolationError('groups', `${identity} was in group ${group}, and is not any more`)
  }

  /** All of a batch is there, or nothing, and nothing of one that was taken back. */
  async #batches(pool: SimPool, looked: readonly Looked[]): Promise<void> {
    const { batches, placed } = this.#ledger
    const found = new Set(looked.flatMap(({ files }) => files ?? []).map(({ batch }) => batch))
    for (const id of found) {
      const batch = batches.get(id)
      if (batch === undefined || batch.member.pool !== pool)
        throw new ViolationError('batches', `files of batch ${id} are in a group, and nobody sent it`)
      if (batch.state === 'givenUp')
        throw new ViolationError('batches', `batch ${id} was given up, and files of it are in a group`)
      const lacking = batch.files.find(
        (sent) => placed.get(identityOf(pool.id, sent.member.user.id, sent))?.sha256 !== sent.written.sha256
      )
      if (lacking !== undefined)
        throw new ViolationError('batches', `batch ${id} is in groups without ${labelOf(lacking)}`)
    }
  }

  // ---------------------------------------------------------------- once all is done

  async groupsOf(pool: SimPool): Promise<GroupRecord[]> {
    return (await this.#world.database.look(async (store) => await lookAt(store, pool))).map(
      ({ group }) => group
    )
  }

  /** What there is beside what groups refer to, and what is counted beside what there is; empty: nothing. */
  async leaks(pool: SimPool): Promise<string> {
    const { looked, entries, sizes, used } = await this.#world.database.look(async (store) => ({
      looked: await lookAt(store, pool),
      entries: await entriesOf(store, pool),
      sizes: await sizesOf(store, pool),
      used: await store.usedSpace(`user:${pool.user.id}`)
    }))
    const wanted = new Map<string, string>()
    for (const { group, files } of looked) {
      for (const { entry, name } of files ?? []) wanted.set(entry, name)
      if (group.result !== null) wanted.set(group.result.entry, `the result of group ${group.id}`)
    }
    const stray = entries.filter(({ id }) => !wanted.has(id)).map(({ path }) => path)
    if (stray.length > 0) return `${stray.length} entries are nobody's: ${stray.slice(0, 3).join()}`
    const least = [...sizes.values()].reduce((sum, size) => sum + size, 0)
    return used === least ? '' : `${pool.name} has ${least} bytes, and ${used} are counted`
  }

  /** What is left of a pool that was deleted; empty: nothing. */
  async remains(pool: SimPool): Promise<string> {
    return await this.#world.database.look(async (store) => {
      const groups = await store.listGroups({ pool: pool.id, limit: 1 })
      const entries = await entriesOf(store, pool)
      const used = await store.usedSpace(`user:${pool.user.id}`)
      const known = await store.getPool(pool.id)
      if (known === undefined && groups.length === 0 && entries.length === 0 && used === 0) return ''
      return `${pool.name} was deleted, and has ${groups.length} groups, ${entries.length} entries, ${used} bytes`
    })
  }
}

async function lookAt(store: MetadataStore, pool: SimPool): Promise<Looked[]> {
  const groups: GroupRecord[] = []
  for (;;) {
    const last = groups.at(-1)
    const before = last && { start: last.start, generation: last.generation }
    const page = await store.listGroups({ pool: pool.id, before, limit: PAGE })
    groups.push(...page)
    if (page.length < PAGE) break
  }
  const looked: Looked[] = []
  for (const group of groups) {
    const files = group.isEmptied
      ? undefined
      : await store.listGroupFiles({ group: group.id, limit: 10 * PAGE })
    looked.push({ group, files })
  }
  return looked
}

async function entriesOf(store: MetadataStore, pool: SimPool): Promise<EntryRecord[]> {
  const entries: EntryRecord[] = []
  const asked = {
    owner: pool.user.id,
    recursive: true,
    sort: 'name',
    order: 'ascending',
    limit: PAGE
  } as const
  let after: Parameters<MetadataStore['listEntries']>[0]['after']
  for (;;) {
    const page = await store.listEntries({ ...asked, after })
    entries.push(...page.entries)
    if (page.next === null) return entries
    after = page.next
  }
}

/** Of every content that is kept: whoever sends a result again, before it is accepted, makes another version. */
async function sizesOf(store: MetadataStore, pool: SimPool): Promise<Map<string, number>> {
  const sizes = new Map<string, number>()
  for (const { id } of await entriesOf(store, pool))
    for (const { file, sizeBytes } of await store.listVersions(id, undefined, PAGE))
      if (file !== null) sizes.set(file, sizeBytes)
  return sizes
}
