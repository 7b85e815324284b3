/** Mistakes with pools. */

import type { Events } from '../../../src/edge/events/listening.ts'
import type { StoredEvent } from '../../../src/events.ts'
import type { GroupHolder } from '../../../src/metadata-pools.ts'
import type { MetadataStore } from '../../../src/metadata-store.ts'
import { poolOwner, resultPath } from '../../../src/pools.ts'
import type { BatchId, GroupFile, GroupId, GroupRecord } from '../../../src/pools.ts'
import type { SimEdge } from '../edge.ts'
import type { PlantedBug } from './planted.ts'
import { withOperations } from './with-operations.ts'

const POOLS = {
  scenario: 'pools',
  pools: 1,
  producers: 4,
  actsPerPerson: 6,
  pauseMs: 700,
  faultEveryMs: 4000,
  sqlite: false,
  losesController: false
} as const

const FILES_MAX = 10_000
/** Files that are as young as that when their group closes are in the race. */
const RACE_MS = 8000

/** A batch that is committed, and whose sender asks again since the answer was lost, goes into its groups once more. */
function commitTwice(): (store: MetadataStore) => MetadataStore {
  const twice = new Set<BatchId>()
  return (store) =>
    withOperations(store, {
      async openBatch(request) {
        const batch = await store.openBatch(request)
        if (batch.state === 'committed') twice.add(batch.id)
        return batch
      },
      async listGroupFiles(request) {
        const files = await store.listGroupFiles(request)
        return files.flatMap((file) => (twice.has(file.batch) ? [file, file] : [file]))
      }
    })
}

/** Hides files from groups, whose counts go with them. */
const without =
  (lostOf: (files: readonly GroupFile[], group: GroupRecord) => readonly GroupFile[]) =>
  (): ((store: MetadataStore) => MetadataStore) => {
    const groups = new Map<GroupId, GroupRecord>()
    return (store) =>
      withOperations(store, {
        async listGroups(request) {
          const listed = await store.listGroups(request)
          for (const group of listed) groups.set(group.id, group)
          return await Promise.all(
            listed.map(async (group) => {
              if (group.isEmptied) return group
              const lost = lostOf(await store.listGroupFiles({ group: group.id, limit: FILES_MAX }), group)
              const bytes = group.bytes - lost.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
              return { ...group, files: group.files - lost.length, bytes }
            })
          )
        },
        async listGroupFiles(request) {
          const group = groups.get(request.group)
          const files = await store.listGroupFiles(request)
          const lost = group === undefined ? [] : lostOf(files, group)
          return files.filter((file) => !lost.includes(file))
        }
      })
  }

/** The first file of each of its producers stays, so that they are as many as before. */
const othersOf = (files: readonly GroupFile[]): GroupFile[] =>
  files.filter(({ member }, place) => files[place - 1]?.member === member)

/** A batch counts although one of its files never came. */
const commitWithGap = without((files) => othersOf(files).filter(({ index }) => index > 0))

/** What is committed while a group closes was acknowledged, and is in neither this group nor the next. */
const loseAtClosing = without((files, { closedAt }) =>
  othersOf(files).filter(({ at }) => closedAt !== null && closedAt - at < RACE_MS)
)

/** Whoever has a group may return a result, however long ago that was. */
const acceptStale = (store: MetadataStore): MetadataStore => {
  const isStale = async (held: GroupHolder): Promise<GroupRecord | undefined> => {
    const group = await store.getGroup(held.pool, held.group)
    return group !== undefined && group.state !== 'done' && held.fence < group.fence ? group : undefined
  }
  return withOperations(store, {
    renewLease: async (held) => (await isStale(held)) ?? (await store.renewLease(held)),
    async finishGroup(request) {
      const stale = await isStale(request)
      if (stale === undefined) return await store.finishGroup(request)
      const { fence, server, name, metadata, now } = request
      const path = resultPath(request.group, fence)
      const entry = (await store.findEntry(poolOwner(request.pool), path)).entry
      if (entry === undefined) return await store.finishGroup(request)
      const { mediaType, sizeBytes, sha256 } = entry.current
      const result = {
        entry: entry.id,
        name,
        metadata,
        mediaType,
        sizeBytes,
        sha256: sha256 ?? '',
        expiresAt: now
      }
      return { ...stale, state: 'done', fence, server, result }
    }
  })
}

/** Each server is given the same number. */
const keepFence = (store: MetadataStore): MetadataStore =>
  withOperations(store, {
    async leaseGroup(request) {
      const group = await store.leaseGroup(request)
      return group && { ...group, fence: 1 }
    }
  })

/** Time closes every group that is there, whatever its own. */
const closeEarly = (store: MetadataStore): MetadataStore =>
  withOperations(store, {
    async nextPoolsAt() {
      return (await store.nextPoolsAt()) === null ? null : 0
    },
    async settlePools(request) {
      const pools = await store.listPools({ limit: 10 })
      for (const { pool } of pools)
        for (const { id } of await store.listGroups({ pool: pool.id, state: 'open', limit: 10 }))
          await store.closeGroup({ pool: pool.id, group: id, now: request.now })
      return await store.settlePools(request)
    }
  })

/** A listener is told what only owners and servers are. */
const tellEverything = ({ events }: SimEdge): void => {
  const tell = events.events.bind(events)
  const told: Events['events'] = (actor, from, signal) => tell({ ...actor, role: 'admin' }, from, signal)
  events.events = told
}

/** Now and then a result is told to nobody. */
const forgetDone = ({ events }: SimEdge): void => {
  const tell = events.events.bind(events)
  const isLost = ({ type, number }: StoredEvent): boolean => type === 'group.done' && number % 3 === 0
  const told: Events['events'] = async function* (...args) {
    for await (const batch of tell(...args)) {
      const events = batch.events.filter((event) => !isLost(event))
      yield { ...batch, events }
    }
  }
  events.events = told
}

export const PLANTED_POOLS: Readonly<Record<string, PlantedBug>> = {
  'commit-twice': { from: 7, breaks: ['groups'], plant: () => ({ records: commitTwice(), plan: POOLS }) },
  'commit-with-a-gap': { breaks: ['batches'], plant: () => ({ records: commitWithGap(), plan: POOLS }) },
  'lose-at-closing': {
    from: 4,
    breaks: ['batches', 'groups'],
    plant: () => ({ records: loseAtClosing(), plan: POOLS })
  },
  'accept-a-stale-fence': {
    from: 19,
    breaks: ['results'],
    plant: () => ({ records: acceptStale, plan: POOLS })
  },
  'keep-the-fence': { from: 3, breaks: ['results'], plant: () => ({ metadata: keepFence, plan: POOLS }) },
  'close-early': { breaks: ['groups'], plant: () => ({ metadata: closeEarly, plan: POOLS }) },
  'tell-everything': { breaks: ['rights'], plant: () => ({ edge: tellEverything, plan: POOLS }) },
  'forget-results': { breaks: ['events'], plant: () => ({ edge: forgetDone, plan: POOLS }) }
}
