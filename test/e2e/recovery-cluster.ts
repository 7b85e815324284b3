/** A cluster of single processes, each in a folder of its own, whose controller can be lost; with short times and the product's own commands. */

import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Test } from 'tap'
import { PeerbinProcess, runPeerbin } from '../kit/processes.ts'
import { until } from '../kit/until.ts'

const SETTINGS = {
  'snapshot.recoverQuietMs': 15_000,
  // until a busy machine's nodes have been heard
  'snapshot.gatherMs': 5000,
  // after the first base nothing is shipped: all that comes later is in notes and manifests only
  'snapshot.intervalMs': 3_600_000,
  'heartbeat.intervalMs': 1000,
  'heartbeat.suspectAfterMs': 4000,
  'heartbeat.downAfterMs': 7000
}

export interface Shared {
  readonly id: string
  readonly directUrl: string
  readonly deleteUrl: string
  readonly bytes: Buffer
}

export class RecoveryCluster {
  readonly folder: string
  readonly settings: string[]
  controller!: PeerbinProcess
  readonly nodes: PeerbinProcess[] = []
  url = ''
  joinString = ''
  readonly #t: Test

  constructor(t: Test, folder: string, settings: Record<string, string | number> = {}) {
    this.#t = t
    this.folder = folder
    this.settings = Object.entries({ ...SETTINGS, ...settings }).flatMap(([key, value]) => [
      '--set',
      `${key}=${value}`
    ])
  }

  home(name: string): string {
    return join(this.folder, name)
  }

  run(name: string, args: readonly string[], env: Record<string, string> = {}): PeerbinProcess {
    const running = new PeerbinProcess([...args, '--data', this.home(name), ...this.settings], { env })
    this.#t.teardown(() => running.stop('SIGKILL'))
    return running
  }

  /** Runs a command to its end. */
  async command(name: string, args: readonly string[]): Promise<Awaited<ReturnType<typeof runPeerbin>>> {
    return await runPeerbin([...args, '--data', this.home(name)])
  }

  async start(nodes = 3): Promise<void> {
    this.joinString = (await this.command('c', ['init'])).stdout.trim()
    const env = { PEERBIN_JOIN: this.joinString }
    this.controller = this.run('c', ['controller'])
    for (let i = 0; i < nodes; i++) this.nodes.push(this.run(`n${i}`, ['node'], env))
    const edge = this.run('e', ['edge', '--port', '0'], env)
    for (const member of [this.controller, ...this.nodes, edge]) await ready(member)
    this.url = /http:\S+/.exec(edge.stdout)?.[0] ?? ''
    await until('all nodes are there, and have a snapshot', async () => {
      const { nodes: seen, snapshot } = await this.status()
      return (
        seen.filter(({ liveness }) => liveness === 'active').length === nodes && snapshot?.behindMs !== null
      )
    })
  }

  /** Tries until the nodes have not heard of the old one for long enough. */
  async recover(
    name: string,
    args: readonly string[] = [],
    env: Record<string, string> = {}
  ): Promise<PeerbinProcess> {
    for (;;) {
      const running = this.run(name, ['controller', '--recover', ...args], env)
      await until(
        'it is ready, or refuses',
        () => running.isOver || running.stdout.includes(' is ready: '),
        90_000
      )
      if (!running.isOver) return running
      const waitS = /try again in (\d+) s/.exec(running.stderr)?.[1]
      if (waitS === undefined) throw new Error(`it could not be recovered: ${running.stderr}`)
      await setTimeout(Number(waitS) * 1000)
    }
  }

  async status(): Promise<{
    term: number
    files: number
    nodes: Array<{ liveness: string }>
    snapshot: { behindMs: number | null } | null
    collector: { frozen: string | null }
    linksSuspended: number
  }> {
    const answer = await fetch(`${this.url}/status`, { headers: { accept: 'application/json' } })
    if (answer.status !== 200) return { ...NOTHING_KNOWN }
    return (await answer.json()) as Awaited<ReturnType<RecoveryCluster['status']>>
  }

  async upload(bytes: Buffer): Promise<Shared> {
    const form = new FormData()
    form.set('file', new Blob([new Uint8Array(bytes)]), 'some.bin')
    const answer = await fetch(`${this.url}/upload`, {
      method: 'POST',
      body: form,
      headers: { accept: 'application/json' }
    })
    const body = (await answer.json()) as Omit<Shared, 'bytes'>
    if (answer.status !== 201) throw new Error(`an upload failed: ${JSON.stringify(body)}`)
    return { ...body, bytes }
  }

  /** Status, and whether the bytes are those of the file. */
  async redeem({ directUrl, bytes }: Shared): Promise<{ status: number; same: boolean }> {
    const answer = await fetch(directUrl)
    const body = Buffer.from(await answer.arrayBuffer())
    return { status: answer.status, same: body.equals(bytes) }
  }
}

const NOTHING_KNOWN = {
  term: 0,
  files: 0,
  nodes: [],
  snapshot: { behindMs: null },
  collector: { frozen: null },
  linksSuspended: 0
}

export const ready = async (member: PeerbinProcess): Promise<void> =>
  await member.until('its ready line', () => member.stdout.includes(' is ready: '))
