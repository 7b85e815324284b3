/** What `peerbin sync` does. */

import { mkdir, realpath } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { hostname } from 'node:os'
import { cleanPath } from '../../bundle/paths.ts'
import { lockFolder } from '../../compose/folder-lock.ts'
import { PeerbinError } from '../../errors.ts'
import type { Logger } from '../../interfaces.ts'
import { SyncEngine } from '../../sync/engine.ts'
import type { SyncOptions } from '../../sync/engine-types.ts'
import { STATE_FOLDER } from '../../sync/folder.ts'
import type { SyncFolder } from '../../sync/folder.ts'
import { validated } from '../account/answers.ts'
import { asSentence } from '../account/api.ts'
import { openAccount } from '../account/session.ts'
import type { AccountOptions } from '../account/session.ts'
import { shown } from '../account/tables.ts'
import type { CliContext } from '../context.ts'
import { FailedQuietly } from '../failed-quietly.ts'
import { excludedBy } from './excluded.ts'
import { onFile } from './file-problems.ts'
import { HttpRemote } from './http-remote.ts'
import { failureOf, SyncReport } from './report.ts'
import { SqliteState } from './sqlite-state.ts'
import { SystemFolder } from './system-folder.ts'

export interface SyncCommandOptions extends AccountOptions {
  to?: string
  once?: boolean
  dryRun?: boolean
  exclude?: string[]
  confirmDeletes?: boolean
  /** False with --no-watch. */
  watch?: boolean
}

/** The report says all there is to say. */
const SILENT: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => SILENT
}

export async function sync(
  directory: string,
  options: SyncCommandOptions,
  context: CliContext
): Promise<void> {
  const isDry = options.dryRun === true
  const api = await openAccount(options, context)
  const { user_id: user } = await api.json({ method: 'GET', path: 'api/validate' }, validated)
  const folder = (options.to ?? '').replaceAll(/^\/+|\/+$/g, '')
  if (folder !== '' && cleanPath(folder) !== folder)
    throw new PeerbinError('usage', `${shown(folder)} is no folder that a server could have`)
  using local = await openLocal(resolve(context.cwd, directory), isDry, context)
  const partner = JSON.stringify([api.server.href, user, folder])
  if (local.state.about('partner', partner) !== partner)
    throw new PeerbinError(
      'usage',
      'this folder is in step with another server, account or folder: give it a folder of its own'
    )
  const report = new SyncReport(context, { isJson: options.json === true, isDry })
  const remote = new HttpRemote(api, folder, context)
  try {
    const watched = options.watch === false ? unwatched(local.folder) : local.folder
    const { clock, random } = context
    const parts = { remote, folder: watched, state: local.state, clock, random, logger: SILENT }
    const engine = new SyncEngine(parts, engineOptions(options, report))
    if (options.once === true || isDry) await syncOnce(engine, report, context)
    else await follow(engine, report, context)
  } finally {
    remote.close()
  }
}

async function syncOnce(engine: SyncEngine, report: SyncReport, context: CliContext): Promise<void> {
  const summary = await engine.sync(context.interrupted)
  report.round(summary, true)
  const failure = failureOf(summary)
  if (failure !== undefined) throw new FailedQuietly(failure)
}

async function follow(engine: SyncEngine, report: SyncReport, context: CliContext): Promise<void> {
  let isFirst = true
  await engine.follow(
    context.interrupted,
    (summary) => {
      report.round(summary, isFirst)
      if (isFirst) report.say('keeping in step; Ctrl-C ends it')
      isFirst = false
    },
    (error, pauseMs) =>
      report.say(`${asSentence(error.message)} Trying again in ${Math.ceil(pauseMs / 1000)} s.`)
  )
}

const engineOptions = (options: SyncCommandOptions, report: SyncReport): SyncOptions => ({
  host: hostname(),
  excluded: excludedBy(options.exclude ?? []),
  confirmDeletes: options.confirmDeletes === true,
  dryRun: options.dryRun === true,
  onStep: (step) => report.step(step),
  onProgress: (progress) => report.progress(progress)
})

interface Local extends Disposable {
  folder: SystemFolder
  state: SqliteState
}

/** A folder that is not there is made; one that is only looked at is left without a trace. @throws data-in-use when another process has it */
async function openLocal(path: string, isDry: boolean, context: CliContext): Promise<Local> {
  if (!isDry) await onFile(path, async () => await mkdir(path, { recursive: true }))
  const root = await onFile(path, async () => await realpath(path))
  if (isDry && !(await SystemFolder.isSynced(root))) {
    const state = new SqliteState()
    return {
      folder: await SystemFolder.open(root, 'look', context),
      state,
      [Symbol.dispose]: () => state.close()
    }
  }
  const folder = await SystemFolder.open(
    root,
    (await SystemFolder.isSynced(root)) ? 'synced' : 'new',
    context
  )
  const lock = lockFolder(join(root, STATE_FOLDER), 'exclusive')
  try {
    const state = SqliteState.in(root)
    const close = (): void => {
      state.close()
      lock.release()
    }
    return { folder, state, [Symbol.dispose]: close }
  } catch (error) {
    lock.release()
    throw error
  }
}

/** The same, but nobody tells of changes: it is looked at every few minutes. */
const unwatched = (folder: SyncFolder): SyncFolder => ({
  scan: (signal) => folder.scan(signal),
  look: async (path) => await folder.look(path),
  read: (path, stamp, range, signal) => folder.read(path, stamp, range, signal),
  write: async (path, bytes, what, signal) => await folder.write(path, bytes, what, signal),
  rename: async (from, stamp, to) => await folder.rename(from, stamp, to),
  remove: async (path, stamp) => await folder.remove(path, stamp),
  hints: async function* () {}
})
