/** Mistakes of a synced folder, around production's engine. */

import { hasCode } from '../../../src/errors.ts'
import type { MetadataStore } from '../../../src/metadata-store.ts'
import { blockIdOf } from '../../../src/protocol/block-id.ts'
import { sleep } from '../../../src/runtime/deadline.ts'
import type { SyncParts } from '../../../src/sync/engine-types.ts'
import type { RemoteFile, SyncRemote } from '../../../src/sync/remote.ts'
import type { EntryId } from '../../../src/types.ts'
import type { SimEdge } from '../edge.ts'
import type { PlantedBug } from './planted.ts'
import { withOperations } from './with-operations.ts'

const SYNC = {
  scenario: 'sync',
  personsPerUser: 3,
  actsPerPerson: 15,
  pauseMs: 700,
  faultEveryMs: 6000
} as const

/** It shows soon. */
const SHORT = { ...SYNC, personsPerUser: 2, actsPerPerson: 6, equalWithinMs: 100_000 } as const

const withRemote = (parts: SyncParts, own: Partial<SyncRemote>): SyncParts => ({
  ...parts,
  remote: new Proxy(parts.remote, {
    get: (target, name) => {
      const value: unknown = Reflect.get(own, name) ?? Reflect.get(target, name, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    }
  })
})

async function find(
  { remote }: SyncParts,
  signal: AbortSignal,
  is: (file: RemoteFile) => boolean
): Promise<RemoteFile | undefined> {
  for await (const files of remote.list(signal)) {
    const found = files.find(is)
    if (found !== undefined) return found
  }
  return undefined
}

/** What somebody else has put there meanwhile is overwritten. */
const overwriteConflicts = (parts: SyncParts): SyncParts =>
  withRemote(parts, {
    async commit(file, signal) {
      try {
        return await parts.remote.commit(file, signal)
      } catch (error) {
        if (!hasCode(error, 'version-conflict', 'path-taken')) throw error
        const there = await find(parts, signal, ({ path }) => path === file.path)
        if (there === undefined) throw error
        return await parts.remote.commit({ ...file, base: there }, signal)
      }
    }
  })

/** A machine so slow has time to be overtaken between its look and its deletion. */
const SLOW_MS = 5000

/** What somebody else has edited meanwhile is deleted. */
const removeWhatever = (parts: SyncParts): SyncParts =>
  withRemote(parts, {
    async remove(file, signal) {
      await sleep(parts.clock, SLOW_MS, signal)
      const there = await find(parts, signal, ({ id }) => id === file.id)
      await parts.remote.remove(there ?? file, signal)
    }
  })

/** Some of what changed at the server is not told. */
const loseChanges = (parts: SyncParts): SyncParts =>
  withRemote(parts, {
    async changes(after, waitMs, signal) {
      const changes = await parts.remote.changes(after, waitMs, signal)
      if (changes === 'lost' || parts.random.fraction() > 0.2) return changes
      return { ...changes, files: [], gone: [] as EntryId[] }
    }
  })

/** What is in the folder by now is replaced, whatever was expected there. */
const writeOverEdits = (parts: SyncParts): SyncParts => {
  const { folder } = parts
  const write: typeof folder.write = async (path, bytes, what, signal) => {
    const pieces: Uint8Array[] = []
    for await (const piece of bytes) pieces.push(piece.slice())
    const there = await folder.look(path)
    const expected = there !== undefined && 'stamp' in there ? there.stamp : undefined
    const again = (async function* () {
      yield* pieces
    })()
    return await folder.write(path, again, { ...what, expected }, signal)
  }
  return {
    ...parts,
    folder: new Proxy(folder, {
      get: (target, name) => {
        if (name === 'write') return write
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      }
    })
  }
}

/** A block counts as stored from its reservation on; its bytes may never come. */
const stageAtOnce = (store: MetadataStore): MetadataStore =>
  withOperations(store, {
    stageBlock: (request) =>
      store.stageBlock({ ...request, rule: { ...request.rule, copiesMin: 0, hostsMin: 0 } })
  })
const neverSend = ({ parts, peer }: SimEdge): void => {
  const { blocks } = parts
  const put = blocks.put.bind(blocks)
  blocks.put = async (user, bytes, options) => {
    if (peer.random.fraction() > 0.2) return await put(user, bytes, options)
    const chunk = blockIdOf(options.sha256 ?? '')
    const sizeBytes = bytes.byteLength
    const { generation } = await peer.controller.call('reserveBlock', { user, chunk, sizeBytes })
    await peer.controller.call('stageBlock', { user, chunk, generation, receipts: [] })
    return { chunk, sizeBytes }
  }
}

export const PLANTED_SYNC: Readonly<Record<string, PlantedBug>> = {
  'overwrite-conflicts': {
    from: 4,
    breaks: ['writings'],
    plant: () => ({ sync: overwriteConflicts, plan: SYNC })
  },
  'remove-whatever': { from: 4, breaks: ['writings'], plant: () => ({ sync: removeWhatever, plan: SYNC }) },
  'lose-changes': { breaks: ['folders', 'writings'], plant: () => ({ sync: loseChanges, plan: SHORT }) },
  'write-over-edits': {
    from: 49,
    breaks: ['writings', 'folders'],
    plant: () => ({ sync: writeOverEdits, plan: SHORT })
  },
  'block-before-durable': {
    breaks: ['folders', 'D', 'writings'],
    plant: () => ({ metadata: stageAtOnce, edge: neverSend, plan: SHORT })
  }
}
