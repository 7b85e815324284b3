/** Which faults a run has and when: follows from the seed alone, so that a run can be set up the same way again. */

import type { FaultKind } from './faults.ts'
import { Dice } from './random.ts'

export interface PlannedFault {
  kind: FaultKind
  /** After the start of the run. It waits for its turn when it may not happen then. */
  atMs: number
  durationMs: number
  /** Chooses among targets and variants: in [0, 1). */
  choice: number
  /** Seeds what else the fault leaves to chance. */
  seed: number
}

/** What the plan knows of a fault. */
export interface FaultShape {
  kind: FaultKind
  /** How often compared with others. */
  weight: number
  /** Least and most ms. */
  durationMs: readonly [number, number]
}

const GAP_MS = [500, 3500] as const
/** No fault begins in the last part of a run that is so short, so that what was begun is seen to its end. */
const QUIET_END_SHARE = 0.05

/** Every kind once first, in an order by chance, as far as there is time; then by weight. */
export function planFaults(seed: number, seconds: number, shapes: readonly FaultShape[]): PlannedFault[] {
  const dice = new Dice(seed)
  const first = shuffled(shapes, dice)
  const plan: PlannedFault[] = []
  const endMs = seconds * 1000 * (1 - QUIET_END_SHARE)
  let atMs = dice.between(...GAP_MS)
  while (shapes.length > 0 && atMs < endMs) {
    const shape = first.shift() ?? weighted(shapes, dice)
    const [least, most] = shape.durationMs
    // short ones are likelier than long ones, as in life
    const durationMs = Math.round(least + (most - least) * dice.fraction() ** 2)
    plan.push({
      kind: shape.kind,
      atMs: Math.round(atMs),
      durationMs,
      choice: dice.fraction(),
      seed: dice.whole(0, 2 ** 31)
    })
    atMs += dice.between(...GAP_MS)
  }
  return plan
}

function shuffled<T>(items: readonly T[], dice: Dice): T[] {
  const order = items.map((item) => ({ item, place: dice.fraction() }))
  return order.toSorted((a, b) => a.place - b.place).map(({ item }) => item)
}

function weighted(shapes: readonly FaultShape[], dice: Dice): FaultShape {
  let left = dice.between(
    0,
    shapes.reduce((sum, { weight }) => sum + weight, 0)
  )
  return shapes.find(({ weight }) => (left -= weight) < 0) ?? dice.pick(shapes)
}
