/** Power loss: before anything is acknowledged, every byte written for it has been synced. Watched from outside, with strace. */

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { testFolder } from '../../kit/test-folder.ts'

const CHILD = fileURLToPath(new URL('./acknowledging-child.ts', import.meta.url))
/** Three rounds of put, raise and delete. */
const ACKS = 9

/** Why strace cannot be used here; undefined when it can. */
function hindrance(): string | undefined {
  const probe = spawnSync('strace', ['-f', '-o', '/dev/null', 'true'], { encoding: 'utf8' })
  if (probe.error !== undefined) return `strace cannot be run: ${probe.error.message}`
  return probe.status === 0 ? undefined : `strace is not allowed to trace: ${probe.stderr.trim()}`
}

/**
 * Reads a log of `strace -f -y` as the kernel saw it. @returns for each `ack …` the logs of LevelDB that had unsynced bytes then, and which were
 * synced since the one before
 */
function acknowledgements(log: string): Array<{ text: string; unsynced: string[]; synced: string[] }> {
  const acks: Array<{ text: string; unsynced: string[]; synced: string[] }> = []
  const unsynced = new Set<string>()
  const synced = new Set<string>()
  const syncing = new Map<string, string>()
  for (const line of log.split('\n')) {
    const pid = line.split(' ')[0] ?? ''
    const path = /(?:slices|chunks)\/\d+\.log(?=>)/.exec(line)?.[0]
    const text = /"(ack [a-z]+)/.exec(line)?.[1]
    if (text !== undefined) {
      acks.push({ text, unsynced: [...unsynced], synced: [...synced].sort() })
      synced.clear()
    } else if (/ (write|pwrite64|writev)\(/.test(line) && path !== undefined) unsynced.add(path)
    else if (/ (fdatasync|fsync)\(/.test(line) && path !== undefined) syncing.set(pid, path)
    const done = /(fdatasync|fsync)(\(| resumed).*= 0$/.test(line) ? syncing.get(pid) : undefined
    if (done === undefined) continue
    unsynced.delete(done)
    synced.add(done)
  }
  return acks
}

const skip = hindrance()
if (skip !== undefined)
  process.stderr.write(`SKIPPED: that everything is synced before it is acknowledged: ${skip}\n`)

t.test(
  'nothing is acknowledged before it has been synced',
  { skip: skip ?? false, timeout: 60_000 },
  async (t) => {
    const folder = testFolder(t)
    const log = join(folder, 'strace.log')
    const options = ['-f', '-y', '-e', 'trace=write,pwrite64,writev,fsync,fdatasync', '-o', log]
    const child = spawnSync('strace', [...options, process.execPath, CHILD, join(folder, 'store')], {
      encoding: 'utf8'
    })
    t.equal(child.status, 0, child.stderr)
    const acks = acknowledgements(readFileSync(log, 'utf8'))
    t.equal(acks.length, ACKS)
    for (const { text, unsynced, synced } of acks) {
      t.same(unsynced, [], `${text}: nothing is left unsynced`)
      const folders = [...new Set(synced.map((path) => path.split('/')[0]))]
      t.same(
        folders,
        text === 'ack put' ? ['chunks', 'slices'] : ['chunks'],
        `${text}: and something was synced`
      )
    }
  }
)
