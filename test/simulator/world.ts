/** A simulated cluster: machines on virtual time, with production's code in their processes. */

import { createController } from '../../src/compose/controller.ts'
import { createNode } from '../../src/compose/node.ts'
import { openPeer } from '../../src/compose/peer.ts'
import type { PeerOptions } from '../../src/compose/peer.ts'
import { RunningPeer } from '../../src/compose/running-peer.ts'
import { asPeerbinError } from '../../src/errors.ts'
import type { Clock, Network } from '../../src/interfaces.ts'
import { MemoryHub } from '../../src/network/memory-network.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import type { ChunkId, PeerId, Role } from '../../src/types.ts'
import { Chance } from './chance.ts'
import { Database } from './database.ts'
import { DiskChunkStore } from './disk.ts'
import { SimEdge } from './edge.ts'
import { KeptPiecesStore } from './kept-pieces.ts'
import { Machine } from './machine.ts'
import { Recovery } from './recovery.ts'
import { COLD_CONFIG, simulatedConfig, snapshotConfig } from './settings.ts'
import { EPOCH_MS, SimProcess } from './sim-process.ts'
import { Trace } from './trace.ts'
import type { VirtualTime } from './virtual-time.ts'
import type { WorldOptions } from './world-options.ts'

/** A process that failed to start, or whose disk failed, is started again after so long, as a supervisor does. */
const RESTART_MS = 3000
/** Heartbeats remembered for replays. */
const HEARTBEATS_KEPT = 40

export class World {
  readonly time: VirtualTime
  readonly chance: Chance
  readonly trace: Trace
  readonly hub: MemoryHub
  /** The one that counts; an old leader may have another. */
  database: Database
  readonly machines: readonly Machine[]
  readonly options: WorldOptions
  readonly edges = new Map<Machine, SimEdge>()
  readonly recovery: Recovery
  /** What must not happen in a process whatever the faults, e.g. a rejection that nobody handles. */
  readonly surprises: string[] = []
  /** Machines whose wall clock was set in the course of the schedule. */
  readonly clocksJumped = new Set<Machine>()
  /** Some of what was gossiped, to be heard again. */
  readonly heartbeats: Array<{ from: PeerId; topic: string; message: Uint8Array }> = []
  readonly #secret: Uint8Array
  readonly #running = new Map<SimProcess, RunningPeer>()
  readonly #databases = new Map<SimProcess, Database>()
  readonly #oldDatabases: Database[] = []

  constructor(options: WorldOptions) {
    this.options = options
    this.time = options.time
    this.chance = new Chance(options.seed)
    this.trace = new Trace(() => this.time.nowMs)
    const { time } = this
    const clock = {
      now: () => time.nowMs,
      monotonic: () => time.nowMs,
      setTimer: (delayMs: number, callback: () => void) => time.schedule(delayMs, callback)
    }
    this.hub = new MemoryHub({ clock, random: this.chance.fork('hub') })
    this.database = new Database({
      time,
      logger: options.logger ?? silentLogger,
      folder: options.folder,
      observe: options.observe,
      records: options.planted?.records,
      decorate: options.planted?.metadata ?? ((store) => store)
    })
    this.recovery = new Recovery(time, options.planted?.recovery)
    this.#secret = this.chance.bytes(32)
    const named = (role: Role, count: number): Machine[] =>
      Array.from(
        { length: count },
        (_, index) => new Machine(`${role}-${index + 1}`, role, this.hub.newPeer())
      )
    this.machines = [
      ...named('controller', options.controllers),
      ...named('node', options.nodes),
      ...named('edge', options.edges)
    ]
  }

  of(role: Role): Machine[] {
    return this.machines.filter((machine) => machine.role === role)
  }

  /** Nodes that are not gone for good. */
  get nodes(): Machine[] {
    return this.of('node').filter((machine) => !machine.isLost)
  }

  /** Those of them that are to hold chunks: not being emptied. */
  get staying(): Machine[] {
    return this.nodes.filter((machine) => !machine.isLeaving)
  }

  /** Every edge sees all nodes in their present lives, and a controller that leads. */
  get isReady(): boolean {
    const { openEdges, nodes } = this
    return (
      openEdges.length === this.options.edges &&
      openEdges.every(
        ({ peer }) =>
          nodes.every((node) => {
            const member = peer.membership.get(node.peer)
            return member?.liveness === 'active' && member.boot === node.boot
          }) && peer.membership.active('controller').some((member) => member.term > 0)
      )
    )
  }

  /** What a clock that is right says. */
  get wallMs(): number {
    return Math.floor(EPOCH_MS + this.time.nowMs)
  }

  machineOf(peer: string): Machine | undefined {
    return this.machines.find((machine) => machine.peer === peer)
  }

  /** Edges that can be asked now; a suspended one is among them, since nobody can tell. */
  get openEdges(): SimEdge[] {
    return [...this.edges.values()].filter((edge) => edge.process.alive)
  }

  hostOf(machine: Machine): string {
    if (machine.role !== 'node') return machine.name
    return `host-${this.of('node').indexOf(machine) % this.options.hosts}`
  }

  /** The last nodes are those of the cold tier. */
  isCold(machine: Machine): boolean {
    const nodes = this.of('node')
    return nodes.indexOf(machine) >= nodes.length - this.options.coldNodes
  }

  /** Nodes whose disk holds good bytes of the chunk. */
  holders(id: ChunkId): Machine[] {
    return this.of('node').filter((machine) => machine.disk.holds(id))
  }

  /** Starts a process on a machine that has none. */
  start(machine: Machine): void {
    if (machine.process !== undefined || machine.isLost || this.#isLocked(machine)) return
    if (machine.role === 'controller' && !this.recovery.admits(machine)) return
    const process = this.#process(machine)
    const { name } = process
    if (machine.role === 'controller' && !this.recovery.isDue) this.#databases.set(process, this.database)
    void this.#run(machine, process).catch((caught: unknown) => {
      if (!process.alive) return
      this.trace.note(`${name} could not start: ${asPeerbinError(caught).code}`)
      this.kill(machine, 'failed start')
      this.startLater(machine)
    })
  }

  #process(machine: Machine): SimProcess {
    machine.starts++
    machine.startedAtMs = this.time.nowMs
    const name = `${machine.name}#${machine.starts}`
    const process = new SimProcess({
      name,
      time: this.time,
      chance: this.chance.fork(name),
      trace: this.trace,
      skewMs: () => machine.skewMs,
      ioMaxMs: this.options.ioMaxMs,
      onCrash: (why) => {
        this.kill(machine, why)
        this.startLater(machine)
      }
    })
    machine.process = process
    this.trace.note(`${name} starts`)
    return process
  }

  /** A process on a machine that is not the cluster's, and what it needs to be a member. */
  visitor(machine: Machine): { process: SimProcess; options: PeerOptions } {
    const process = this.#process(machine)
    return { process, options: this.#peerOptions(machine, process) }
  }

  /** Whether another controller has the file of the metadata, so that this one would end at once. */
  #isLocked(machine: Machine): boolean {
    if (machine.role !== 'controller' || this.database.isShared) return false
    const holders = this.of('controller').flatMap(({ process }) => (process === undefined ? [] : [process]))
    return holders.some((process) => this.#databases.get(process) === this.database)
  }

  /** As a supervisor does. */
  startLater(machine: Machine, delayMs = RESTART_MS): void {
    this.time.schedule(delayMs, () => this.start(machine))
  }

  /** SIGKILL; with `silent` the machine has lost its power, and nobody's connection breaks. */
  kill(machine: Machine, why: string, options: { silent?: boolean } = {}): void {
    const { process } = machine
    if (process === undefined) return
    this.trace.note(`${process.name} dies: ${why}`)
    machine.process = undefined
    process.kill()
    this.edges.delete(machine)
    this.#running.delete(process)
    this.hub.crash(machine.peer, options)
    this.#databases.get(process)?.crash(process)
    this.#databases.delete(process)
  }

  /** SIGTERM: it has some seconds to end by itself. */
  stop(machine: Machine): void {
    const { process } = machine
    if (process === undefined) return
    this.trace.note(`${process.name} stops`)
    void this.#running.get(process)?.stop()
    this.time.schedule(5000, () => {
      if (machine.process === process) this.kill(machine, 'stopped')
    })
  }

  pause(machine: Machine, ms: number): void {
    const { process } = machine
    if (process === undefined || process.isPaused) return
    this.trace.note(`${process.name} is suspended for ${Math.round(ms / 1000)} s`)
    process.pause()
    this.hub.freeze(machine.peer)
    this.time.schedule(ms, () => this.resume(machine, process))
  }

  resume(machine: Machine, process = machine.process): void {
    if (process === undefined || !process.isPaused || machine.process !== process) return
    this.trace.note(`${process.name} goes on`)
    process.resume()
    this.hub.thaw(machine.peer)
  }

  /** Ends everything, so that nothing runs after the schedule. */
  async end(): Promise<void> {
    for (const machine of this.machines) {
      machine.isLost = true
      machine.process?.kill()
    }
    for (const database of new Set([this.database, ...this.#oldDatabases])) await database.close()
  }

  /**
   * The metadata goes on as a copy, as after a recovery from its snapshots. Machines that run with the old one are left alone, and are not started
   * again once they have ended.
   */
  forkDatabase(): void {
    const { folder } = this.options
    if (folder === undefined) throw new Error('only files can be copied')
    this.trace.note('the metadata goes on as a copy')
    for (const machine of this.of('controller')) if (machine.process !== undefined) machine.isLost = true
    this.#oldDatabases.push(this.database)
    this.database = this.database.fork(`${folder}-${this.#oldDatabases.length}`)
  }

  /** The machine that leads, or led last, is gone with all the metadata; another one may make it anew. */
  loseController(): Machine {
    const machines = this.of('controller').filter((machine) => !machine.isLost)
    const lost = machines.find(({ process }) => process !== undefined) ?? machines[0]
    const heir = machines.find((machine) => machine !== lost)
    if (lost === undefined || heir === undefined) throw new Error('another machine is needed to take over')
    for (const machine of machines) this.kill(machine, 'its metadata is lost', { silent: true })
    lost.isLost = true
    this.trace.note(`${lost.name} is lost for good`)
    this.database.mute()
    this.#oldDatabases.push(this.database)
    this.recovery.lose({ lost, heir, atMs: this.time.nowMs, skewMs: lost.skewMs })
    return heir
  }

  /** As `peerbin controller --recover` does before it leads. */
  async #recover(machine: Machine, process: SimProcess): Promise<void> {
    const draft = this.database.successor(
      `${this.options.folder ?? ''}-recovered-${this.#oldDatabases.length}`
    )
    this.#oldDatabases.push(draft)
    this.#databases.set(process, draft)
    const peer = await openPeer('controller', this.#peerOptions(machine, process))
    const running = new RunningPeer(peer, {})
    await this.#launch(process, running)
    await this.recovery.run(peer, draft, process)
    await running.stop()
    if (!process.alive) return
    this.trace.note(`${machine.name} has recovered the metadata: ${this.recovery.summary}`)
    this.database = draft
  }

  async #run(machine: Machine, process: SimProcess): Promise<void> {
    if (machine.role === 'controller' && this.recovery.isDue) await this.#recover(machine, process)
    const options = this.#peerOptions(machine, process)
    if (machine.role === 'node')
      return await this.#launch(process, await createNode(this.#nodeOptions(options, machine, process)))
    if (machine.role === 'controller') {
      const database = this.#databases.get(process)
      if (database === undefined) throw new Error('the controller has no database')
      const kept = { store: database.connect(process), snapshots: database.snapshots(process) }
      return await this.#launch(process, await createController({ ...options, ...kept }))
    }
    const peer = await openPeer('edge', options)
    await this.#launch(process, new RunningPeer(peer, {}))
    if (!process.alive) return
    const edge = new SimEdge(peer, process, machine.name)
    this.options.planted?.edge?.(edge)
    this.edges.set(machine, edge)
  }

  /** A controller whose place was taken is not started again while the other one is there: the two would overtake each other for ever. */
  #restart(machine: Machine): void {
    this.time.schedule(RESTART_MS, () => {
      const others = this.of('controller').filter((other) => other !== machine)
      const isReplaced = machine.role === 'controller' && others.some((other) => other.process !== undefined)
      if (!isReplaced) this.start(machine)
    })
  }

  #nodeOptions(
    options: PeerOptions,
    machine: Machine,
    process: SimProcess
  ): Parameters<typeof createNode>[0] {
    const disk = new DiskChunkStore({ disk: machine.disk, process })
    const pieces = new KeptPiecesStore({ disk: machine.disk, pieces: machine.pieces, process })
    return {
      ...options,
      store: this.options.planted?.chunks?.(disk, process, machine) ?? disk,
      snapshots: this.options.planted?.pieces?.(pieces) ?? pieces,
      cells: machine.nodeCells(process)
    }
  }

  async #launch(process: SimProcess, running: RunningPeer): Promise<void> {
    this.#running.set(process, running)
    await running.start()
  }

  #network(machine: Machine, clock: Clock): Network {
    const network = this.hub.network({ peer: machine.peer, clusterSecret: this.#secret, clock })
    const publish = network.publish.bind(network)
    network.publish = async (topic, message) => {
      if (this.heartbeats.length < HEARTBEATS_KEPT && this.chance.happens(0.2))
        this.heartbeats.push({ from: machine.peer, topic, message: message.slice() })
      await publish(topic, message)
    }
    return network
  }

  #peerOptions(machine: Machine, process: SimProcess): PeerOptions {
    const { clock, chance } = process
    const options: PeerOptions = {
      state: machine.state(process),
      cluster: {
        clusterName: 'simulated',
        secret: this.#secret,
        addresses: this.machines.slice(0, this.options.controllers + 2).map((other) => other.address)
      },
      config: simulatedConfig(this.machines.length, this.hostOf(machine), {
        snapshot: snapshotConfig(this.options.snapshotNodes),
        ...(this.options.coldNodes > 0 && COLD_CONFIG),
        network: { tier: this.isCold(machine) ? 'cold' : 'hot' }
      }),
      network: this.#network(machine, clock),
      clock,
      random: chance,
      onFailure: ({ code }) => {
        if (!process.alive) return
        this.kill(machine, `it ends by itself: ${code}`)
        this.#restart(machine)
      },
      ...(this.options.logger && { logger: this.options.logger.child({ who: process.name }) })
    }
    return this.options.planted?.options?.(options, machine.role) ?? options
  }
}
