/** Faults that take chunks away for good: as many as the invariants allow, and not one more. */

import type { ChunkId } from '../../src/types.ts'
import type { Chance } from './chance.ts'
import type { Holdings, Kept } from './ledger.ts'
import type { Machine } from './machine.ts'
import type { World } from './world.ts'

type OldDisk = ReturnType<Machine['snapshot']>

export class Destruction {
  readonly #world: World
  readonly #holdings: Holdings
  readonly #machinesMax: number
  readonly #old = new Map<Machine, OldDisk>()
  /** When each machine was damaged, virtual ms. */
  readonly #damaged: Array<{ machine: Machine; atMs: number }> = []

  /** @param deps.machinesMax machines that may be damaged at all: the loss of a controller is promised to go well with one of them missing */
  constructor(deps: { world: World; holdings: Holdings; machinesMax: number }) {
    this.#world = deps.world
    this.#holdings = deps.holdings
    this.#machinesMax = deps.machinesMax
  }

  /** Machines that lost something, each once. */
  get damaged(): ReadonlySet<Machine> {
    return new Set(this.#damaged.map(({ machine }) => machine))
  }

  /** Machines whose disk came back old, with what has been deleted since. */
  readonly stale = new Set<Machine>()

  async rot(chance: Chance): Promise<void> {
    const machine = await this.#victim(chance)
    if (machine === undefined) return
    const chunk = machine.disk.rot(chance)
    if (chunk === undefined) return
    this.#damage(machine, `a bit of ${chunk.slice(-8)} on ${machine.name} flips`)
  }

  async wipe(chance: Chance): Promise<void> {
    const machine = await this.#victim(chance)
    if (machine === undefined) return
    this.#world.kill(machine, 'its disk is wiped')
    machine.wipe()
    this.#damage(machine, `${machine.name} comes back with an empty disk`)
    this.#world.startLater(machine, chance.between(100, 20_000))
  }

  async lose(chance: Chance): Promise<void> {
    const world = this.#world
    // what is left must be able to take uploads and hold copies on two hosts
    const left = world.staying
    if (left.length <= 3) return
    const machine = await this.#victim(chance)
    if (machine === undefined) return
    const others = left.filter((other) => other !== machine)
    if (new Set(others.map((other) => world.hostOf(other))).size < 2) return
    world.kill(machine, 'it is lost for good', { silent: true })
    machine.isLost = true
    machine.wipe()
    this.#damage(machine, `${machine.name} is gone for good`)
  }

  /** Keeps a copy of a disk first; at a later time brings it back. */
  async restoreOld(chance: Chance): Promise<void> {
    const world = this.#world
    const kept = [...this.#old].find(([machine]) => !machine.isLost)
    if (kept === undefined) {
      const machine = chance.pick(world.of('node'))
      this.#old.set(machine, machine.snapshot())
      world.trace.note(`the disk of ${machine.name} is copied away`)
      return
    }
    const [machine, old] = kept
    if (!(await this.#mayDestroy(machine))) return
    this.#old.delete(machine)
    world.kill(machine, 'its disk is replaced by an old copy')
    machine.restore(old)
    this.stale.add(machine)
    this.#damage(machine, `${machine.name} comes back with an old disk`)
    world.startLater(machine, chance.between(100, 20_000))
  }

  #damage(machine: Machine, text: string): void {
    this.#damaged.push({ machine, atMs: this.#world.time.nowMs })
    this.#world.trace.note(text)
  }

  async #victim(chance: Chance): Promise<Machine | undefined> {
    const machine = chance.pick(this.#world.nodes)
    return (await this.#mayDestroy(machine)) ? machine : undefined
  }

  /**
   * One loss is allowed from the moment a chunk is acknowledged (counted from the beginning of its upload, since nobody can see a machine vanish in the same
   * moment); a further one only when the metadata has a copy on a machine that neither took part in an earlier loss nor goes now.
   */
  async #mayDestroy(machine: Machine): Promise<boolean> {
    if (this.#world.recovery.isDue) return false
    if (this.damaged.size >= this.#machinesMax && !this.damaged.has(machine)) return false
    if (this.#damaged.length === 0) return true
    const bornAtMs = this.#births()
    const hit = this.#holdings
      .relied()
      .filter((kept) => this.#damaged.some(({ atMs }) => atMs >= bornAtMs(kept)))
    const gone = new Set([...this.damaged, machine].map(({ peer }) => peer as string))
    const recorded = await this.#recorded(hit.flatMap(({ all }) => all))
    return hit.every(({ all }) =>
      all.every((chunk) =>
        [...(recorded.get(chunk) ?? [])].some((peer) => !gone.has(peer) && this.#isHeld(peer, chunk))
      )
    )
  }

  /** Who is recorded to hold them: asks the metadata. */
  async #recorded(chunks: readonly ChunkId[]): Promise<Map<ChunkId, Set<string>>> {
    const wanted = new Set(chunks)
    const owed = await this.#world.database.look((store) => store.listOwed(64, undefined, 10_000))
    return new Map(
      owed
        .filter(({ chunk }) => wanted.has(chunk))
        .map(({ chunk, copies }) => [chunk, new Set<string>(copies.map(({ peer }) => peer))])
    )
  }

  /** What is recorded after a recovery may have been removed since its snapshot. */
  #isHeld(peer: string, chunk: ChunkId): boolean {
    return this.#world.machineOf(peer)?.disk.chunks.has(chunk) === true
  }

  /** When the first of some content's chunks was first uploaded, with whatever file. */
  #births(): (kept: Kept) => number {
    const born = new Map<ChunkId, number>()
    for (const { all, startedAtMs } of this.#holdings.sent())
      for (const chunk of all) born.set(chunk, Math.min(startedAtMs, born.get(chunk) ?? Infinity))
    return ({ all }) => Math.min(...all.map((chunk) => born.get(chunk) ?? Infinity))
  }
}
