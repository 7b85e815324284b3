/** A real cluster for the bench, and what each of its processes uses. */

import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { z } from 'zod'

const clusterFile = z.object({
  processes: z.array(z.object({ role: z.string(), name: z.string(), pid: z.number(), state: z.string() }))
})

/** Linux counts CPU time in ticks of 10 ms (USER_HZ, proc(5)). */
const TICKS_PER_SECOND = 100
const SAMPLE_MS = 50
const READY_TIMEOUT_MS = 30_000

export interface ProcessUse {
  name: string
  cpuSeconds: number
  pid: number
  /** Most anonymous memory seen so far, in MB. Not the resident set: LevelDB maps its tables, and the system may keep all of them in memory. */
  peakMb: number
  /** Most of the resident set, with mapped files (VmHWM of proc(5)), in MB. */
  peakRssMb: number
}

export interface BenchCluster {
  url: string
  data: string
  use(): ProcessUse[]
  stop(): Promise<void>
}

/** RssAnon of proc(5), in MB; 0 for a process that has gone. */
function anonymousMb(pid: number): number {
  try {
    return Number(/RssAnon:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
  } catch {
    return 0
  }
}

/** VmHWM of proc(5), in MB; 0 for a process that has gone. */
function highWaterMb(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
  } catch {
    return 0
  }
}

function useOf(name: string, pid: number, peakMb: number): ProcessUse {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // the second field is the command in brackets and may contain spaces: count from behind it
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = Number(fields[11]) + Number(fields[12])
  return {
    name,
    pid,
    cpuSeconds: ticks / TICKS_PER_SECOND,
    peakMb: Math.round(peakMb),
    peakRssMb: Math.round(highWaterMb(pid))
  }
}

async function readyUrl(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('the cluster has no output')
  const lines = createInterface({ input: child.stdout })
  const timer = setTimeout(() => child.kill('SIGTERM'), READY_TIMEOUT_MS)
  try {
    for await (const line of lines) {
      const url = /^peerbin is ready: (\S+)$/.exec(line)?.[1]
      if (url !== undefined) return url
    }
  } finally {
    clearTimeout(timer)
  }
  throw new Error('the cluster did not become ready')
}

/** Starts `peerbin up` in a folder of its own. `settings` are `--set` arguments; `nodeFlags` go to every process's V8. */
export async function startCluster(
  settings: readonly string[],
  nodeFlags: readonly string[] = []
): Promise<BenchCluster> {
  const data = await mkdtemp(join(tmpdir(), 'peerbin-bench-'))
  const bin = join(import.meta.dirname, '../bin/peerbin.ts')
  const args = ['up', '--data', data, '--port', '0', ...settings.flatMap((setting) => ['--set', setting])]
  const child = spawn(process.execPath, [bin, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: nodeFlags.join(' ') }
  })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const url = await readyUrl(child)
  const { processes } = clusterFile.parse(JSON.parse(readFileSync(join(data, 'cluster.json'), 'utf8')))
  const peaks = new Map<number, number>()
  const sampling = setInterval(() => {
    for (const { pid } of processes) peaks.set(pid, Math.max(peaks.get(pid) ?? 0, anonymousMb(pid)))
  }, SAMPLE_MS)
  return {
    url,
    data,
    use: () => processes.map(({ name, pid }) => useOf(name, pid, peaks.get(pid) ?? 0)),
    async stop() {
      clearInterval(sampling)
      child.kill('SIGTERM')
      await exited
      await rm(data, { recursive: true, force: true })
    }
  }
}
