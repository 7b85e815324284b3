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
const READY_TIMEOUT_MS = 30_000

export interface ProcessUse {
  name: string
  cpuSeconds: number
  /** Highest resident set so far, in MB (VmHWM of proc(5)). */
  peakMb: number
}

export interface BenchCluster {
  url: string
  data: string
  use(): ProcessUse[]
  stop(): Promise<void>
}

function useOf(name: string, pid: number): ProcessUse {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // the second field is the command in brackets and may contain spaces: count from behind it
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = Number(fields[11]) + Number(fields[12])
  const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return { name, cpuSeconds: ticks / TICKS_PER_SECOND, peakMb: Math.round(Number(peak?.[1] ?? 0) / 1024) }
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
  return {
    url,
    data,
    use: () => processes.map(({ name, pid }) => useOf(name, pid)),
    async stop() {
      child.kill('SIGTERM')
      await exited
      await rm(data, { recursive: true, force: true })
    }
  }
}
