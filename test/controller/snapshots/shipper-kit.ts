/** A shipper with the nodes it brings snapshots to. */

import { setTimeout } from 'node:timers/promises'
import type { Test } from 'tap'
import { openPiece } from '../../../src/controller/snapshots/pieces.ts'
import { Shipper } from '../../../src/controller/snapshots/shipper.ts'
import type { Position } from '../../../src/controller/snapshots/shipper.ts'
import { Tidier } from '../../../src/controller/snapshots/tidy.ts'
import { systemClock } from '../../../src/runtime/clock.ts'
import { SnapshotWorld, TextSource } from './snapshot-world.ts'
import type { WorldNode } from './snapshot-world.ts'

export const signal = new AbortController().signal

/** Lets the interval pass before each step. */
function eager(shipper: Shipper): Shipper {
  const step = shipper.step.bind(shipper)
  shipper.step = async (signal) => {
    await setTimeout(3)
    return await step(signal)
  }
  return shipper
}

export async function start(t: Test, machines: string[], config: object = {}) {
  const world = new SnapshotWorld({ snapshot: { intervalMs: 1, ...config } })
  t.teardown(() => world.stop())
  for (const machine of machines) await world.addNode(machine)
  const parts = await world.addController('own')
  const source = new TextSource()
  const tidier = new Tidier({
    ...parts,
    term: () => parts.leadership.term,
    keeps: () => undefined,
    isFrozen: () => false
  })
  const everywhere: Position[] = []
  let passedMs = 0
  let wanted = 0
  const shipper = new Shipper({
    ...parts,
    clock: { ...systemClock, monotonic: () => systemClock.monotonic() + passedMs },
    source,
    settled: async () => await source.commit(),
    onEverywhere: async (position) => void everywhere.push(position),
    onBase: (bases) => tidier.tidy(bases, signal),
    onWanted: () => void wanted++
  })
  /** Time that goes by for the shipper alone. */
  const pass = (ms: number): void => void (passedMs += ms)
  return { world, parts, source, shipper: eager(shipper), everywhere, pass, wanted: () => wanted }
}

/** What can be read back from one node: its newest base with the changes after it. */
export async function readBack(node: WorldNode | undefined, secret: Uint8Array): Promise<string> {
  let text = ''
  for (const { sizeBytes: _size, ...name } of (await node?.snapshots.list()) ?? []) {
    const bytes = await node?.snapshots.get(name)
    text += Buffer.from(openPiece({ name, bytes: bytes ?? new Uint8Array(0) }, secret).bytes).toString()
  }
  return text
}

/** Many rounds in which nothing goes wrong and nothing is new. */
export async function steps(shipper: Shipper, count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await shipper.step(signal)
}
