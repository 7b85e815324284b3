import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { asPeerbinError, PeerbinError } from '../../errors.ts'

export type ProcessState = 'starting' | 'running' | 'stopped' | 'died'

/** One process in cluster.json. */
export interface ProcessEntry {
  readonly role: 'controller' | 'node' | 'edge'
  readonly name: string
  readonly pid: number | null
  readonly state: ProcessState
  /** Null until the process has said it. */
  readonly peerId: string | null
  readonly addresses: readonly string[]
}

/**
 * `cluster.json` in the data folder: `{processes: [...]}` in order of start, for scripts and monitors. Replaced at once, so that a reader sees an
 * old or a new file, never half of one.
 */
export class ClusterFile {
  readonly #path: string
  readonly #entries: () => readonly ProcessEntry[]
  #writing: Promise<void> = Promise.resolve()
  #pending = false

  constructor(folder: string, entries: () => readonly ProcessEntry[]) {
    this.#path = join(folder, 'cluster.json')
    this.#entries = entries
  }

  /** Writes what is so by now; resolves when it is there. Calls while a write waits share that write. */
  update(): Promise<void> {
    if (this.#pending) return this.#writing
    this.#pending = true
    this.#writing = this.#writing
      .catch(() => undefined) // the one who asked for that write has its error
      .then(() => this.#write())
    return this.#writing
  }

  async #write(): Promise<void> {
    this.#pending = false
    const text = `${JSON.stringify({ processes: this.#entries() }, undefined, 2)}\n`
    try {
      await writeFile(`${this.#path}.new`, text, { mode: 0o600 })
      await rename(`${this.#path}.new`, this.#path)
    } catch (error) {
      throw new PeerbinError('local-file', `cannot write ${this.#path}`, { cause: asPeerbinError(error) })
    }
  }
}
