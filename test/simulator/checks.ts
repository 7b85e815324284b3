/** What must hold: some of it at every step of the metadata, the rest once everything has healed. */

import type { OwedChunk } from '../../src/metadata-store.ts'
import type { AdoptFile } from '../../src/metadata-records.ts'
import type { ChunkId, FileRecord, PeerId, SecretHash } from '../../src/types.ts'
import type { Destruction } from './destruction.ts'
import { hasExpired, type Holdings, type Ledger, type SimFile, ViolationError } from './ledger.ts'
import type { Machine } from './machine.ts'
import type { Recovered } from './recovery.ts'
import { EPOCH_MS } from './sim-process.ts'
import type { World } from './world.ts'

/** Durable copies at every acknowledgement. */
const PROMISED = 2
/** And once everything has healed. */
const WANTED = 3
/** From the moment when a snapshot is begun until its changes are taken. */
const SLACK_MS = 1000
/** Everybody knows of a node that has been up for so long. */
const SETTLED_MS = 30_000

export interface ChecksDeps {
  readonly world: World
  readonly ledger: Ledger
  readonly holdings: Holdings
  readonly destruction: Destruction
}

export class Checks {
  readonly #deps: ChecksDeps
  /** Copies of each chunk, where there are so many nodes. */
  static readonly wanted = WANTED
  /** Every link that became visible, with the hash of the secret that ends it. */
  readonly links = new Map<SecretHash, SecretHash>()
  /** Copies that were removed because there were enough of them elsewhere. */
  trims = 0
  /** When a link was last claimed, its claim asked for, or withdrawn: virtual ms. */
  readonly #touched = new Map<SecretHash, number>()
  /** Generation at which a node was confirmed to have deleted a chunk. */
  readonly #deleted = new Map<string, number>()

  constructor(deps: ChecksDeps) {
    this.#deps = deps
  }

  /** Told of every operation of the metadata that took effect. @throws ViolationError */
  observe(operation: string, args: readonly unknown[], answer: unknown): void {
    const { ledger } = this.#deps
    if (operation === 'commitUpload') {
      const { sha256, link } = args[0] as { sha256: string; link?: Link }
      if (link !== undefined) this.#committed({ sha256, link }, answer as FileRecord)
    }
    if (operation === 'claimLink' || operation === 'findClaim') {
      const { tokenHash, claimHash } = args[0] as Claiming
      if ((answer as { outcome: string }).outcome === 'claimed') {
        if (operation === 'claimLink') ledger.claimed(tokenHash, claimHash)
        this.#touched.set(tokenHash, this.#deps.world.time.nowMs)
      }
    }
    if (operation === 'shareEntry') {
      const { link } = args[0] as { link: Link }
      ledger.slots.set(link.tokenHash, link.downloads)
      this.links.set(link.tokenHash, link.deleteHash)
    }
    if (operation === 'trimCopy' && answer === true)
      this.#trimmed(args[0] as { chunk: ChunkId; peer: PeerId })
    if (operation === 'revokeLink')
      this.#touched.set((args[0] as Claiming).tokenHash, this.#deps.world.time.nowMs)
    if (operation === 'adoptFile') {
      const { link } = args[0] as AdoptFile
      if (answer === true && link !== undefined) this.links.set(link.tokenHash, link.deleteHash)
    }
    if (operation === 'releaseClaim' && answer === true) {
      const { tokenHash, claimHash } = args[0] as Claiming
      ledger.released(tokenHash, claimHash)
    }
    if (operation === 'confirmOrders') {
      for (const order of args[0] as Array<{ peer: PeerId; chunk: ChunkId; generation: number }>)
        this.#deleted.set(`${order.peer} ${order.chunk}`, order.generation)
    }
  }

  /** D, and A at the moment a file becomes visible: all of it is on enough disks. One that is asked for again, and has expired meanwhile, may be gone. */
  #committed(commit: { sha256: string; link: Link }, file: FileRecord): void {
    const { ledger, world } = this.#deps
    const isRepeated = this.links.has(commit.link.tokenHash)
    ledger.slots.set(commit.link.tokenHash, commit.link.downloads)
    this.links.set(commit.link.tokenHash, commit.link.deleteHash)
    const sent = ledger.files.find(({ sha256 }) => sha256 === commit.sha256)
    if (sent === undefined)
      throw new ViolationError('D', `a file of ${file.sizeBytes} bytes became visible that nobody sent`)
    if (file.sizeBytes !== sent.content.byteLength || file.chunkCount !== sent.chunks.length)
      throw new ViolationError('D', `file ${sent.index} became visible with ${file.sizeBytes} bytes`)
    if (isRepeated && hasExpired(sent, world.time.nowMs)) return
    this.promised(`file ${sent.index}`, [...sent.chunks, file.manifest])
  }

  /** A: a copy that goes because there are enough, or because another tier has it now. */
  #trimmed({ chunk, peer }: { chunk: ChunkId; peer: PeerId }): void {
    const { world, holdings } = this.#deps
    this.trims++
    const machine = world.machineOf(peer)
    if (machine === undefined) return
    for (const { label, all } of holdings.kept(world.time.nowMs))
      if (all.includes(chunk)) this.#kept(label, chunk, { without: machine, least: PROMISED })
  }

  /** @throws D when fewer disks hold one of the chunks than was promised, those that were damaged not counted */
  promised(label: string, chunks: readonly ChunkId[]): void {
    for (const chunk of chunks) this.#promised(label, chunk)
  }

  #promised(label: string, chunk: ChunkId): void {
    const { world, destruction } = this.#deps
    const holders = world.holders(chunk)
    const excused = [...destruction.damaged].filter((machine) => !holders.includes(machine)).length
    const hosts = new Set(holders.map((machine) => world.hostOf(machine))).size
    const hostsPromised = Math.min(PROMISED, world.options.hosts)
    if (holders.length + excused < PROMISED || hosts + excused < hostsPromised)
      throw new ViolationError(
        'D',
        `${label} became visible while ${holders.length} disks held ${chunk.slice(-8)}`
      )
  }

  /** A recovery suspends no link that nobody touched since its snapshot, unless it says that it had to suspend all. */
  async recovered({ report, loss }: Recovered): Promise<void> {
    const { world } = this.#deps
    if (report.links.allSuspended !== null) return
    const isSteady = !world.clocksJumped.has(loss.lost)
    const sinceMs =
      report.from === null || !isSteady ? -Infinity : report.from.takenAt - EPOCH_MS - loss.skewMs - SLACK_MS
    const suspended = await world.database.look((store) => store.listSuspended(undefined, 256))
    for (const { tokenHash, name } of suspended) {
      const atMs = this.#touched.get(tokenHash) ?? -Infinity
      if (atMs > sinceMs) continue
      const text = `${name} was last touched at ${atMs} ms, the snapshot is of ${sinceMs} ms, and its link was suspended`
      throw new ViolationError('C', text)
    }
  }

  /** F: what live files lack after healing: copies on good disks of nodes that stay, on as many hosts as there are. */
  lacking(): string[] {
    const { world, holdings } = this.#deps
    const { staying } = world
    const wanted = Math.min(WANTED, staying.length)
    const hostsWanted = Math.min(WANTED, new Set(staying.map((machine) => world.hostOf(machine))).size)
    return holdings.kept(world.time.nowMs).flatMap(({ label, all }) =>
      all.flatMap((chunk) => {
        const holders = staying.filter((machine) => machine.disk.holds(chunk))
        const hosts = new Set(holders.map((machine) => world.hostOf(machine))).size
        if (holders.length >= wanted && hosts >= hostsWanted) return []
        return [`chunk ${chunk.slice(-8)} of ${label} is on ${holders.length} disks of ${hosts} hosts`]
      })
    )
  }

  /**
   * Whether no disk has to hold it although a file refers to it: one that was used up and deleted after the snapshot a recovery began from is known again, and its bytes are gone.
   */
  mayBeGone(chunk: ChunkId): boolean {
    const { world, holdings } = this.#deps
    if (world.recovery.recovered === undefined || world.holders(chunk).length > 0) return false
    return !holdings.kept(world.time.nowMs).some(({ all }) => all.includes(chunk))
  }

  /** A: after healing, each live file is on as many disks as the cluster has nodes for. */
  healed(): void {
    const [first] = this.lacking()
    if (first !== undefined) throw new ViolationError('A', first)
  }

  /**
   * A: what an operator was told of a node that is not needed: what it holds is elsewhere as often as wanted, if all others have been there lately, and nothing falls below what
   * was promised in any case.
   */
  spared(machine: Machine): void {
    const { world, holdings } = this.#deps
    const { staying, time } = world
    const isSettled =
      world.isReady && staying.every(({ startedAtMs }) => time.nowMs - startedAtMs > SETTLED_MS)
    const wanted = isSettled ? Math.min(WANTED, staying.length) : PROMISED
    for (const { label, all } of holdings.kept(time.nowMs))
      for (const chunk of all)
        this.#kept(label, chunk, { without: machine, least: machine.disk.holds(chunk) ? wanted : PROMISED })
  }

  /** @throws when the chunk has too few copies without the one on that machine */
  #kept(label: string, chunk: ChunkId, { without, least }: { without: Machine; least: number }): void {
    const { world, destruction } = this.#deps
    const holders = world.holders(chunk).filter((machine) => machine !== without)
    const excused = [...destruction.damaged].filter(
      (machine) => machine !== without && !holders.includes(machine)
    ).length
    if (holders.length + excused >= least) return
    throw new ViolationError(
      'A',
      `without ${without.name} chunk ${chunk.slice(-8)} of ${label} is on ${holders.length} disks`
    )
  }

  /** A: what is recorded for a node in its present life is on its disk: it synced it before it said so. */
  recorded(chunks: readonly OwedChunk[]): void {
    for (const { chunk, copies } of chunks) {
      for (const { peer, boot } of copies) {
        const machine = this.#deps.world.machineOf(peer)
        if (machine === undefined || machine.isLost || machine.boot !== boot) continue
        if (!machine.disk.chunks.has(chunk))
          throw new ViolationError(
            'A',
            `${machine.name} gave a receipt for ${chunk.slice(-8)} and does not have it`
          )
      }
    }
  }

  /** A: somebody got all of it. */
  delivered(file: SimFile): void {
    if (file.claimants.some((claimant) => claimant.state === 'done')) return
    if (file.mayBeSpent) return
    const asked = file.claimants.map(
      ({ name, state, gotBytes }) => `${name} ${state} with ${gotBytes} of ${file.content.byteLength} bytes`
    )
    throw new ViolationError('A', `nobody got file ${file.index}: ${asked.join(', ')}`)
  }

  /**
   * Nothing refers to anything any more: no disk may hold what its node was confirmed to have deleted.
   * @param strict nor anything else
   */
  gone(strict: boolean): void {
    const { world, destruction } = this.#deps
    for (const machine of world.of('node')) {
      if (machine.isLost || (!strict && destruction.stale.has(machine))) continue
      for (const [chunk, held] of machine.disk.chunks) {
        if (held.quarantinedAt !== undefined) continue
        const deleted = this.#deleted.get(`${machine.peer} ${chunk}`)
        const isBack = deleted !== undefined && held.info.generation <= deleted
        if (isBack || strict)
          throw new ViolationError(
            'deleted',
            `${machine.name} ${isBack ? 'has again' : 'still has'} chunk ${chunk.slice(-8)} of generation ${held.info.generation}`
          )
      }
    }
  }

  /** Disks that hold something although nothing refers to anything. */
  leftovers(): number {
    const nodes = this.#deps.world.of('node').filter((machine) => !machine.isLost)
    return nodes.reduce((sum, machine) => sum + machine.disk.chunks.size, 0)
  }

  /** E: nobody leases memory when nothing is under way. */
  quiet(): void {
    for (const edge of this.#deps.world.openEdges) {
      const { used } = edge.parts.memory
      if (used > 0) throw new ViolationError('E', `${edge.name} leases ${used} bytes with nothing under way`)
    }
  }
}

interface Link {
  tokenHash: SecretHash
  deleteHash: SecretHash
  downloads: number
}

interface Claiming {
  tokenHash: SecretHash
  claimHash: SecretHash
}
