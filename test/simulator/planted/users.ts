/** Mistakes with users' files. */

import type { MetadataStore } from '../../../src/metadata-store.ts'
import type { EntryId, EntryRecord, UploadId } from '../../../src/types.ts'
import type { SimProcess } from '../sim-process.ts'
import { withOperations } from './with-operations.ts'
import type { PlantedBug } from './planted.ts'

/** A record is told as it was, for some seconds. */
const STALE_MS = 5000
const LEAKED_BYTES = 100

/** What is uploaded to a path takes the place of what was there. */
const overwriteInPlace = (store: MetadataStore): MetadataStore =>
  withOperations(store, {
    async commitUpload(commit) {
      const made = await store.commitUpload(commit)
      const { entry: id } = made
      if (id !== undefined) await store.pruneVersions({ id, keep: 1, now: commit.uploadedAt, graceMs: 0 })
      return made
    }
  })

/** Whoever asks gets what was read a moment ago. */
function tellOldRecords(store: MetadataStore, { clock }: SimProcess): MetadataStore {
  const known = new Map<EntryId, { entry: EntryRecord | undefined; atMs: number }>()
  return withOperations(store, {
    async getEntry(id) {
      const now = clock.monotonic()
      const last = known.get(id)
      if (last !== undefined && now - last.atMs < STALE_MS) return last.entry
      const entry = await store.getEntry(id)
      known.set(id, { entry, atMs: now })
      return entry
    }
  })
}

/** A deletion that is answered, and now and then not done. */
const forgetDeletions = (store: MetadataStore, { chance }: SimProcess): MetadataStore =>
  withOperations(store, {
    async deleteEntry(request) {
      const entry = await store.getEntry(request.id)
      if (entry === undefined || chance.happens(0.7)) return await store.deleteEntry(request)
      return { deleted: true, owner: entry.owner, links: [] }
    }
  })

/** What an upload took that failed is not all given back. */
function leakSpace(): (store: MetadataStore) => MetadataStore {
  const failed = new Set<UploadId>()
  return (store) =>
    withOperations(store, {
      async abandonUpload(upload, options) {
        if (options?.failure !== undefined) failed.add(upload)
        return await store.abandonUpload(upload, options)
      },
      usedSpace: async (key) => (await store.usedSpace(key)) + LEAKED_BYTES * failed.size
    })
}

/** Nobody looks whether an upload has its copies. */
const neverSettle = (store: MetadataStore): MetadataStore =>
  withOperations(store, { settleStatuses: async () => ({ changed: 0, next: null }) })

const FILES = {
  scenario: 'files',
  faultEveryMs: 3000,
  actsPerPerson: 10,
  users: 2,
  personsPerUser: 2
} as const

export const PLANTED_USERS: Readonly<Record<string, PlantedBug>> = {
  'overwrite-in-place': {
    breaks: ['versions', 'F'],
    plant: () => ({ metadata: overwriteInPlace, plan: FILES })
  },
  'tell-old-records': {
    from: 7,
    breaks: ['versions'],
    plant: () => ({ metadata: tellOldRecords, plan: FILES })
  },
  'forget-deletions': {
    breaks: ['versions', 'C', 'quota'],
    plant: () => ({ metadata: forgetDeletions, plan: FILES })
  },
  'leak-space': { breaks: ['quota'], plant: () => ({ metadata: leakSpace(), plan: FILES }) },
  'never-settle': { breaks: ['settled'], plant: () => ({ metadata: neverSettle, plan: FILES }) },
  /** Edges say of everybody that they are an administrator. */
  'all-are-admins': {
    breaks: ['rights'],
    plant: () => ({
      plan: FILES,
      edge: ({ peer }) => {
        const call = peer.controller.call.bind(peer.controller)
        peer.controller.call = async (op, message, options) => {
          const trusting =
            'actor' in message ? { ...message, actor: { ...message.actor, role: 'admin' } } : message
          return await call(op, trusting as typeof message, options)
        }
      }
    })
  }
}
