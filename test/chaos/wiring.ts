/**
 * How the processes of a run reach each other. With network namespaces each has a network of its own behind one bridge, and any direction between two of them can
 * be cut or slowed down; without, all are on 127.0.0.1 and nothing between them can be cut.
 */

import { execFile, execFileSync } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Wiring {
  /** Why links between processes cannot be cut here; undefined: they can. */
  readonly hindrance: string | undefined
  /** Makes a place for a process. */
  add(name: string): Promise<{ host: string; prefix: string[] }>
  /** Packets of `from` to `to` are dropped from now on. */
  cut(from: string, to: string): Promise<void>
  mend(from: string, to: string): Promise<void>
  /** What it sends goes at most so fast; 0: as fast as it can. */
  limit(name: string, kbitPerSecond: number): Promise<void>
  close(): Promise<void>
}

/** Why namespaces cannot be used here; undefined: they can. */
export function namespaceHindrance(): string | undefined {
  if (process.getuid?.() !== 0) return 'network namespaces need root'
  const probe = `pbtest${process.pid}`
  try {
    execFileSync('ip', ['netns', 'add', probe], { stdio: 'pipe' })
    execFileSync('ip', ['netns', 'del', probe], { stdio: 'pipe' })
    execFileSync('ip', ['link', 'add', probe, 'type', 'bridge'], { stdio: 'pipe' })
    execFileSync('ip', ['link', 'del', probe], { stdio: 'pipe' })
    return undefined
  } catch (error) {
    const text = error instanceof Error ? (error.message.split('\n')[1] ?? error.message) : String(error)
    return `\`ip netns\` does not work here (package iproute2, root): ${text}`
  }
}

/** Everything on 127.0.0.1. */
export class LoopbackWiring implements Wiring {
  readonly hindrance: string

  constructor(hindrance: string) {
    this.hindrance = hindrance
  }

  async add(): Promise<{ host: string; prefix: string[] }> {
    return { host: '127.0.0.1', prefix: [] }
  }

  async cut(): Promise<void> {
    throw new Error(this.hindrance)
  }

  async mend(): Promise<void> {}

  async limit(): Promise<void> {
    throw new Error(this.hindrance)
  }

  async close(): Promise<void> {}
}

/** A namespace and a veth pair per process, one bridge, which this process is on too. */
export class NamespaceWiring implements Wiring {
  readonly hindrance = undefined
  readonly #id: string
  readonly #subnet: string
  readonly #hosts = new Map<string, { host: string; space: string; link: string }>()

  private constructor(id: string, subnet: string) {
    this.#id = id
    this.#subnet = subnet
  }

  static async make(): Promise<NamespaceWiring> {
    // pids of runs at the same time differ, so that their bridges and networks do
    const id = `pb${process.pid.toString(36)}`
    const subnet = `10.${128 + ((process.pid >> 8) % 100)}.${process.pid % 256}`
    const wiring = new NamespaceWiring(id, subnet)
    await run('ip', ['link', 'add', id, 'type', 'bridge'])
    await run('ip', ['addr', 'add', `${subnet}.1/24`, 'dev', id])
    await run('ip', ['link', 'set', id, 'up'])
    return wiring
  }

  async add(name: string): Promise<{ host: string; prefix: string[] }> {
    const number = this.#hosts.size + 10
    const space = `${this.#id}-${number}`
    const link = `${this.#id}v${number}`
    const host = `${this.#subnet}.${number}`
    this.#hosts.set(name, { host, space, link })
    await run('ip', ['netns', 'add', space])
    await run('ip', ['link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', space])
    await run('ip', ['link', 'set', link, 'master', this.#id, 'up'])
    await run('ip', ['-n', space, 'addr', 'add', `${host}/24`, 'dev', 'eth0'])
    await run('ip', ['-n', space, 'link', 'set', 'eth0', 'up'])
    await run('ip', ['-n', space, 'link', 'set', 'lo', 'up'])
    return { host, prefix: ['ip', 'netns', 'exec', space] }
  }

  /** A route to nowhere: the other direction still arrives, and what is sent in answer does not. */
  async cut(from: string, to: string): Promise<void> {
    await run('ip', ['-n', this.#of(from).space, 'route', 'replace', 'blackhole', `${this.#of(to).host}/32`])
  }

  async mend(from: string, to: string): Promise<void> {
    const args = ['-n', this.#of(from).space, 'route', 'del', 'blackhole', `${this.#of(to).host}/32`]
    await run('ip', args).catch(() => undefined) // it was not cut
  }

  async limit(name: string, kbitPerSecond: number): Promise<void> {
    const { space } = this.#of(name)
    await run('tc', ['-n', space, 'qdisc', 'del', 'dev', 'eth0', 'root']).catch(() => undefined) // none yet
    if (kbitPerSecond === 0) return
    const tbf = ['tbf', 'rate', `${kbitPerSecond}kbit`, 'burst', '64kb', 'latency', '400ms']
    await run('tc', ['-n', space, 'qdisc', 'add', 'dev', 'eth0', 'root', ...tbf])
  }

  async close(): Promise<void> {
    for (const { space } of this.#hosts.values()) await run('ip', ['netns', 'del', space])
    await run('ip', ['link', 'del', this.#id])
  }

  #of(name: string): { host: string; space: string } {
    const found = this.#hosts.get(name)
    if (found === undefined) throw new Error(`${name} has no network`)
    return found
  }
}
