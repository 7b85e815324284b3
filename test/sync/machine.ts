/** A synced folder in the file system, with its memory in SQLite, under an engine that talks to a server in memory. */

import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Test } from 'tap'
import { SqliteState } from '../../src/cli/sync/sqlite-state.ts'
import { SystemFolder } from '../../src/cli/sync/system-folder.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { systemRandom } from '../../src/runtime/random.ts'
import { SyncEngine } from '../../src/sync/engine.ts'
import type { SyncOptions, SyncSummary } from '../../src/sync/engine-types.ts'
import { silent } from './client.ts'
import type { MemoryServer } from './memory-remote.ts'

export interface Machine {
  root: string
  folder: SystemFolder
  sync: () => Promise<SyncSummary>
}

export async function machine(
  t: Test,
  server: MemoryServer,
  root: string,
  options: Partial<SyncOptions> = {}
): Promise<Machine> {
  const isNew = !(await SystemFolder.isSynced(root))
  const folder = await SystemFolder.open(root, isNew ? 'new' : 'synced', {
    clock: systemClock,
    random: systemRandom
  })
  const state = SqliteState.in(root)
  t.teardown(() => state.close())
  const parts = {
    remote: server.connect(),
    folder,
    state,
    clock: systemClock,
    random: systemRandom,
    logger: silent
  }
  const engine = new SyncEngine(parts, { host: 'here', ...options })
  return { root, folder, sync: async () => await engine.sync(new AbortController().signal) }
}

export async function put(root: string, path: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true })
  await writeFile(join(root, path), text)
}
