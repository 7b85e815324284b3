/** What an operator does among the faults: has nodes emptied and switches them off, has dead ones forgotten, has everything read. */

import { hasCode, PeerbinError } from '../../src/errors.ts'
import type { Chance } from './chance.ts'
import type { Checks } from './checks.ts'
import type { Machine } from './machine.ts'
import type { Operator } from './operator.ts'
import type { World } from './world.ts'

/** Between two looks at how far it is. */
const LOOK_MS = 3000
/** Nodes that must stay, on two hosts: enough for uploads and full copies. */
const STAY_MIN = 3

export interface OperatorActsDeps {
  readonly world: World
  readonly checks: Checks
  readonly operator: Operator
  readonly onViolation: (error: unknown) => void
}

export class OperatorActs {
  readonly #deps: OperatorActsDeps
  readonly #running = new Set<string>()
  readonly #retired = new Set<Machine>()

  constructor(deps: OperatorActsDeps) {
    this.#deps = deps
  }

  get running(): number {
    return this.#running.size
  }

  /** For a person. */
  get unfinished(): string {
    return [...this.#running].join()
  }

  /** A node is emptied; as soon as the controller says that it is safe, its machine is gone for good. */
  drain(chance: Chance): void {
    const { staying } = this.#deps.world
    const machine = chance.pick(staying)
    if (!this.#canSpare(machine)) return
    machine.isLeaving = true
    this.#follow(`drain of ${machine.name}`, () => this.#drain(machine))
  }

  /** A machine that is lost is forgotten; when there is none, the operator errs, and names one that is not. */
  retire(chance: Chance): void {
    const { world } = this.#deps
    const lost = world.of('node').find((machine) => machine.isLost && !this.#retired.has(machine))
    if (lost !== undefined) {
      this.#retired.add(lost)
      this.#follow(`retirement of ${lost.name}`, () => this.#retire(lost))
      return
    }
    const machine = chance.pick(world.staying)
    if (this.#canSpare(machine)) this.#follow(`error about ${machine.name}`, () => this.#err(machine))
  }

  scrub(): void {
    this.#follow('scrub', async () => {
      const { operator, world } = this.#deps
      world.trace.note('the operator has everything read')
      await this.#once(() => operator.ask('scrub', { start: true }))
    })
  }

  #canSpare(machine: Machine): boolean {
    const { world } = this.#deps
    const others = world.staying.filter((other) => other !== machine)
    const hosts = new Set(others.map((other) => world.hostOf(other)))
    return others.length >= STAY_MIN && hosts.size >= 2 && !this.#running.has(`error about ${machine.name}`)
  }

  #follow(what: string, act: () => Promise<void>): void {
    if (this.#running.has(what)) return
    this.#running.add(what)
    act()
      .catch((error: unknown) => this.#deps.onViolation(error))
      .finally(() => this.#running.delete(what))
  }

  async #drain(machine: Machine): Promise<void> {
    const { world, operator } = this.#deps
    world.trace.note(`${machine.name} is to be emptied`)
    const { peer } = machine
    while (!machine.isLost) {
      try {
        const isSafe = await operator.untilHeard(async () => {
          // again, in case that a controller was lost that knew of it
          await operator.ask('drainNode', { peer, draining: true })
          const { nodes } = await operator.ask('status', {})
          return nodes.find((node) => node.peer === peer)?.drain?.safe === true
        }, ['drain-refused', 'node-retired'])
        if (isSafe) break
      } catch (error) {
        if (!hasCode(error, 'drain-refused')) throw error
        world.trace.note(`${machine.name} cannot be emptied`)
        machine.isLeaving = false
        return
      }
      await operator.sleep(LOOK_MS)
    }
    if (!machine.isLost) this.#switchOff(machine, 'it is empty')
    this.#retired.add(machine)
    await this.#retire(machine)
  }

  #switchOff(machine: Machine, why: string): void {
    const { world, checks } = this.#deps
    checks.spared(machine)
    world.kill(machine, why)
    machine.isLost = true
    machine.wipe()
    world.trace.note(`${machine.name} is switched off for good`)
  }

  async #retire(machine: Machine): Promise<void> {
    const { world, operator } = this.#deps
    const { peer } = machine
    await operator.untilHeard(() => operator.ask('retireNode', { peer, force: false }), ['node-unknown'])
    world.trace.note(`${machine.name} is retired`)
  }

  /** Refused, unless nothing is needed of it. */
  async #err(machine: Machine): Promise<void> {
    const { world, operator } = this.#deps
    const { peer } = machine
    const final = ['retire-refused', 'node-unknown'] as const
    const ask = () => operator.untilHeard(() => operator.ask('retireNode', { peer, force: false }), final)
    if ((await this.#once(ask)) === undefined) return
    this.#retired.add(machine)
    world.trace.note(`${machine.name} is retired`)
    this.#switchOff(machine, 'it was retired')
  }

  /** Undefined when it did not go well. */
  async #once<T>(work: () => Promise<T>): Promise<T | undefined> {
    const { world } = this.#deps
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof PeerbinError)) throw error
      world.trace.note(`the operator is told ${error.code}`)
      return undefined
    }
  }
}
