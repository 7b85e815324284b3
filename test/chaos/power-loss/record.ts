/** Records what a cluster does to its disks under load. */

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { WITHOUT_LOADERS } from '../../kit/processes.ts'
import { STRACE_OPTIONS, parseTrace, type FileEvent } from './trace.ts'

const CHILD = fileURLToPath(new URL('./load.ts', import.meta.url))
/** The second ends by SIGKILL: so there are clean starts, and starts on what a crash left. */
const LIVES = 3

export type Plant = 'lazy-chunks' | 'lazy-metadata'

/** @param folder empty; the cluster's data is in `data` then @param plant a mistake for the check to find */
export function recordLoad(folder: string, plant?: Plant): FileEvent[] {
  const data = join(folder, 'data')
  const logs: string[] = []
  for (let life = 0; life < (plant === undefined ? LIVES : 1); life++) {
    const log = join(folder, `strace-${life}.log`)
    const command = [process.execPath, CHILD, data, String(life), plant ?? '']
    const child = spawnSync('env', [...WITHOUT_LOADERS, 'strace', ...STRACE_OPTIONS, '-o', log, ...command], {
      encoding: 'utf8',
      timeout: 120_000,
      killSignal: 'SIGKILL'
    })
    if (!child.stdout.includes('"did":"end"'))
      throw new Error(`the load did not come to its end: ${child.stderr}`)
    logs.push(readFileSync(log, 'latin1'))
  }
  return parseTrace(logs, data)
}
