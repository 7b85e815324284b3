/** A simulated machine: what outlives its processes. */

import type { KnownPeers } from '../../src/cluster/announcer.ts'
import type { NodeCells, RoleState } from '../../src/compose/data-folder.ts'
import { NEVER_SCRUBBED } from '../../src/node/scrubber.ts'
import type { Cell } from '../../src/runtime/cell.ts'
import type { Address, PeerId, Role, Term } from '../../src/types.ts'
import { Disk } from './disk.ts'
import { KeptPieces } from './kept-pieces.ts'
import type { SimProcess } from './sim-process.ts'

interface DiskImage {
  readonly chunks: ReturnType<Disk['snapshot']>
  readonly pieces: ReturnType<KeptPieces['copy']>
  readonly cells: ReadonlyMap<string, unknown>
}

export class Machine {
  readonly name: string
  readonly role: Role
  readonly peer: PeerId
  readonly disk = new Disk()
  /** Snapshots of the metadata: on the same disk. */
  readonly pieces = new KeptPieces()
  /** How far its wall clock is off, ms. */
  skewMs = 0
  /** Started so many times. */
  starts = 0
  /** When last, virtual ms. */
  startedAtMs = 0
  /** The process that runs or is suspended; undefined while there is none. */
  process: SimProcess | undefined
  /** It will never be started again. */
  isLost = false
  /** An operator has it emptied. */
  isLeaving = false
  #cells = new Map<string, unknown>()

  constructor(name: string, role: Role, peer: PeerId) {
    this.name = name
    this.role = role
    this.peer = peer
  }

  get address(): Address {
    return `/memory/${this.peer}/p2p/${this.peer}` as Address
  }

  /** The life it is in, or was in last; undefined: it never started, or its disk was wiped since. */
  get boot(): number | undefined {
    const boot = this.#cells.get('boot')
    return typeof boot === 'number' ? boot : undefined
  }

  /** What a role remembers, as one of its processes sees it. */
  state(process: SimProcess): RoleState {
    return {
      folder: undefined,
      identity: new Uint8Array(0), // of use to libp2p only
      self: this.peer,
      boot: this.#cell(process, 'boot', 0),
      term: this.#cell(process, 'term', 0 as Term),
      peers: this.#cell<KnownPeers>(process, 'peers', {}),
      listening: this.#cell(process, 'listening', { host: '', port: 0, advertise: '' }),
      close: () => {}
    }
  }

  /** What a node remembers beside that. */
  nodeCells(process: SimProcess): NodeCells {
    return {
      draining: this.#cell(process, 'draining', false),
      scrub: this.#cell(process, 'scrub', NEVER_SCRUBBED)
    }
  }

  /** Everything that is on its disk now. */
  snapshot(): DiskImage {
    return { chunks: this.disk.snapshot(), pieces: this.pieces.copy(), cells: new Map(this.#cells) }
  }

  restore(snapshot: DiskImage): void {
    this.disk.restore(snapshot.chunks)
    this.pieces.replace(snapshot.pieces)
    this.#cells = new Map(snapshot.cells)
  }

  wipe(): void {
    this.disk.wipe()
    this.pieces.clear()
    this.#cells.clear()
  }

  #cell<T>(process: SimProcess, name: string, initial: T): Cell<T> {
    let value = this.#cells.has(name) ? (this.#cells.get(name) as T) : initial
    return {
      get: () => value,
      set: async (next) => {
        value = next
        await process.io(`cell.${name}`, () => this.#cells.set(name, next))
      }
    }
  }
}
