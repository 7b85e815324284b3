/** The metadata of a simulated cluster: it outlives controllers, and more than one of them can have it open. */

import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from '../../src/interfaces.ts'
import { MemoryMetadataStore } from '../../src/metadata/memory-metadata-store.ts'
import { SqliteMetadataStore } from '../../src/metadata/sqlite-metadata-store.ts'
import type { MetadataStore, SnapshotSource } from '../../src/metadata-store.ts'
import type { SimProcess } from './sim-process.ts'
import type { VirtualTime } from './virtual-time.ts'

/** Told what an operation answered, once it is durable: also when its caller never hears of it. */
export type MetadataObserver = (operation: string, args: readonly unknown[], answer: unknown) => void
/** Puts something between a controller and the store: planted bugs. */
export type MetadataDecorator = (store: MetadataStore, process: SimProcess) => MetadataStore

export interface DatabaseDeps {
  readonly time: VirtualTime
  readonly logger: Logger
  /** Folder for SQLite's files; undefined: in memory. */
  readonly folder: string | undefined
  readonly observe: MetadataObserver
  /** Puts something between the store and everybody: what is wrong with the records themselves. */
  readonly records: ((store: MetadataStore) => MetadataStore) | undefined
  readonly decorate: MetadataDecorator
}

/** Whether `name` of the store is an operation, and not its life or a capability. */
const isOperation = (name: string | symbol): name is string =>
  typeof name === 'string' && name !== 'open' && name !== 'close' && name !== 'durable'

/** A store with every operation run by `around`. */
export function aroundStore(
  store: MetadataStore,
  around: (operation: string, args: readonly unknown[], work: () => Promise<unknown>) => Promise<unknown>
): MetadataStore {
  return new Proxy(store, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      const bound = (value as (...args: unknown[]) => Promise<unknown>).bind(target)
      return isOperation(name) ? (...args: unknown[]) => around(name, args, () => bound(...args)) : bound
    }
  })
}

/** The same stream with every step of it run by `around`. */
async function* heldSteps(
  stream: AsyncIterable<Uint8Array>,
  around: <T>(work: () => Promise<T>) => Promise<T>
): AsyncGenerator<Uint8Array, void, undefined> {
  const steps = stream[Symbol.asyncIterator]()
  try {
    for (;;) {
      const step = await around(() => steps.next())
      if (step.done === true) return
      yield step.value
    }
  } finally {
    await around(async () => await steps.return?.())
  }
}

export class Database {
  readonly #deps: DatabaseDeps
  readonly #memory = new MemoryMetadataStore()
  /** Number of the crash image that is in use. */
  #image = 0
  #sqlite: SqliteMetadataStore | undefined
  #isMuted = false
  /** Of the controllers that have it open. */
  readonly #open = new Set<SimProcess>()

  constructor(deps: DatabaseDeps) {
    this.#deps = deps
    if (deps.folder !== undefined) mkdirSync(this.#path, { recursive: true })
  }

  /** Whether a second controller can open it while the first has it open: not a file that is locked. */
  get isShared(): boolean {
    return this.#deps.folder === undefined
  }

  /** A controller's way to it: not open yet. */
  connect(process: SimProcess): MetadataStore {
    const inner = this.#inner()
    const { decorate, time } = this.#deps
    const observe: MetadataObserver = (...operation) => {
      if (!this.#isMuted) this.#deps.observe(...operation)
    }
    const asked = aroundStore(this.#recorded(inner), (operation, args, work) =>
      process.io(`metadata.${operation}`, async () => {
        const answer = await time.holding(work)
        observe(operation, args, answer)
        return answer
      })
    )
    // once more what the controller is told, which a planted bug may have changed
    const told = aroundStore(decorate(asked, process), async (operation, args, work) => {
      const answer = await work()
      observe(operation, args, answer)
      return answer
    })
    return new Proxy(told, {
      get: (target, name) => {
        if (name === 'open')
          return () =>
            process.io('metadata.open', async () => {
              await time.holding(() => inner.open())
              this.#open.add(process)
            })
        if (name === 'close') return () => process.io('metadata.close', () => this.#close(process, inner))
        return Reflect.get(target, name, target) as unknown
      }
    })
  }

  /** Where snapshots come from for that controller; undefined: this store offers none. */
  snapshots(process: SimProcess): SnapshotSource | undefined {
    const sqlite = this.#inner()
    if (!(sqlite instanceof SqliteMetadataStore)) return undefined
    const { time } = this.#deps
    const { snapshots } = sqlite
    return {
      base: () =>
        heldSteps(snapshots.base(), (work) => process.io('snapshots.base', () => time.holding(work))),
      changes: () => process.io('snapshots.changes', () => time.holding(() => snapshots.changes()))
    }
  }

  /**
   * A copy, to go on from elsewhere; whoever still has this one open works on what is of no account any more. In files only.
   * @param folder where the copy is kept; it must not be there yet
   */
  fork(folder: string): Database {
    cpSync(this.#path, join(folder, 'image-0'), { recursive: true })
    return this.successor(folder)
  }

  /** From now on nobody is told what is done with it. */
  mute(): void {
    this.#isMuted = true
  }

  /** Another one, that counts from now on; of what is still done with this one nobody is told. */
  successor(folder: string): Database {
    this.mute()
    return new Database({ ...this.#deps, folder })
  }

  /** SQLite's file as long as nobody died with it. */
  get file(): string {
    return join(this.#path, 'metadata.db')
  }

  /** For checks, between events: the metadata as it is, without a process. */
  async look<T>(work: (store: MetadataStore) => Promise<T>): Promise<T> {
    const inner = this.#inner()
    const { time } = this.#deps
    // nobody may have it open at the moment
    await time.holding(() => inner.open())
    return await time.holding(() => work(this.#recorded(inner)))
  }

  /** The process died: what it had not committed is gone. */
  crash(process: SimProcess): void {
    if (!this.#open.delete(process) || this.#deps.folder === undefined) return
    const old = this.#sqlite
    const from = this.#path
    this.#image++
    // what a kill leaves behind: the files as they are now
    cpSync(from, this.#path, { recursive: true })
    this.#sqlite = undefined
    if (old !== undefined)
      void this.#deps.time.holding(async () => {
        await old.close()
        rmSync(from, { recursive: true, force: true })
      })
  }

  /** Gives everything back. */
  async close(): Promise<void> {
    await this.#sqlite?.close()
    const { folder } = this.#deps
    if (folder !== undefined && existsSync(folder)) rmSync(folder, { recursive: true, force: true })
  }

  #recorded(inner: MetadataStore): MetadataStore {
    const { records } = this.#deps
    return records === undefined ? inner : records(aroundStore(inner, (_operation, _args, work) => work()))
  }

  async #close(process: SimProcess, inner: Pick<MetadataStore, 'close'>): Promise<void> {
    this.#open.delete(process)
    if (this.isShared || inner !== this.#sqlite) return
    this.#sqlite = undefined
    await this.#deps.time.holding(() => inner.close())
  }

  #inner(): MetadataStore {
    const { folder, logger } = this.#deps
    if (folder === undefined) return this.#memory
    this.#sqlite ??= new SqliteMetadataStore({
      file: this.file,
      operationsWaitingMax: 4096,
      logger
    })
    return this.#sqlite
  }

  get #path(): string {
    return join(this.#deps.folder ?? '', `image-${this.#image}`)
  }
}
