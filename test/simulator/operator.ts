/** Somebody with the command line: a short-lived member that asks the leading controller, as src/compose/admin.ts does. */

import { leaderIn } from '../../src/compose/admin.ts'
import { RunningPeer } from '../../src/compose/running-peer.ts'
import { openPeer } from '../../src/compose/peer.ts'
import type { Peer } from '../../src/compose/peer.ts'
import { PeerbinError } from '../../src/errors.ts'
import type { ErrorCode } from '../../src/errors.ts'
import type { ControlMessages, RequestOf, ResponseOf } from '../../src/protocol/messages.ts'
import { Machine } from './machine.ts'
import type { SimProcess } from './sim-process.ts'
import type { World } from './world.ts'

/** A leader is looked for as long; then what was asked is given up. */
const FIND_MS = 60_000
const LOOK_MS = 500
const AGAIN_MS = 2000

interface Session {
  readonly machine: Machine
  readonly process: SimProcess
  readonly peer: Peer
}

export class Operator {
  readonly #world: World
  #session: Promise<Session> | undefined
  #count = 0

  constructor(world: World) {
    this.#world = world
  }

  /** @throws `no-controller` when none is heard, and what the controller throws */
  async ask<K extends keyof ControlMessages>(
    name: K,
    message: RequestOf<ControlMessages, K>
  ): Promise<ResponseOf<ControlMessages, K>> {
    this.#session ??= this.#join()
    const { peer } = await this.#session
    for (let waitedMs = 0; leaderIn(peer.membership) === undefined && waitedMs < FIND_MS; waitedMs += LOOK_MS)
      await this.sleep(LOOK_MS)
    return await peer.controller.call(name, message)
  }

  /** Says it again until it goes well: leaders and connections come and go. @throws what no repetition heals */
  async untilHeard<T>(work: () => Promise<T>, final: readonly ErrorCode[] = []): Promise<T> {
    for (;;) {
      try {
        return await work()
      } catch (error) {
        if (!(error instanceof PeerbinError) || final.includes(error.code)) throw error
        this.#world.trace.note(`the operator is told ${error.code}`)
      }
      await this.sleep(AGAIN_MS)
    }
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#world.time.schedule(ms, resolve)
    })
  }

  /** Goes home. */
  async leave(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    if (session === undefined) return
    const { machine } = await session
    this.#world.kill(machine, 'it has done its work')
  }

  async #join(): Promise<Session> {
    const world = this.#world
    const machine = new Machine(`admin-${++this.#count}`, 'admin', world.hub.newPeer())
    const { process, options } = world.visitor(machine)
    const peer = await openPeer('admin', options)
    await new RunningPeer(peer, {}).start()
    return { machine, process, peer }
  }
}
