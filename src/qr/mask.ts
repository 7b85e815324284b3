/** Masks: of eight ways to flip modules, the one is taken whose result is easiest to read (ISO/IEC 18004, 7.8). */

import type { Modules } from './modules.ts'

type Mask = (x: number, y: number) => boolean

export const MASKS: readonly Mask[] = [
  (x, y) => (x + y) % 2 === 0,
  (_x, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0
]

export function masked(modules: Modules, mask: number): Modules {
  const result = modules.copy()
  const flips = MASKS[mask] ?? (() => false)
  for (let y = 0; y < modules.size; y++)
    for (let x = 0; x < modules.size; x++)
      if (!modules.isFixed(x, y) && flips(x, y)) result.set(x, y, !modules.isDark(x, y))
  result.drawFormat(mask)
  return result
}

const RUN_MIN = 5
const RUN_PENALTY = 3
const BLOCK_PENALTY = 3
const FINDER_PENALTY = 40
const BALANCE_PENALTY = 10

/** What looks like a finder pattern with light beside it, as eleven bits. */
const FINDER_LIKE = [0b10111010000, 0b00001011101]

/** Of one row or column: long runs, and what looks like a finder pattern. */
function linePenalty(size: number, isDark: (i: number) => boolean): number {
  let penalty = 0
  let run = 0
  let last: boolean | undefined
  let window = 0
  for (let i = 0; i < size; i++) {
    const dark = isDark(i)
    run = dark === last ? run + 1 : 1
    last = dark
    if (run === RUN_MIN) penalty += RUN_PENALTY
    else if (run > RUN_MIN) penalty++
    window = ((window << 1) & 0b11111111111) | (dark ? 1 : 0)
    if (i >= 10 && FINDER_LIKE.includes(window)) penalty += FINDER_PENALTY
  }
  return penalty
}

export function penaltyOf(modules: Modules): number {
  const { size } = modules
  let penalty = 0
  let dark = 0
  for (let i = 0; i < size; i++) {
    penalty += linePenalty(size, (x) => modules.isDark(x, i))
    penalty += linePenalty(size, (y) => modules.isDark(i, y))
  }
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const colour = modules.isDark(x, y)
      if (colour) dark++
      const isBlock =
        x + 1 < size &&
        y + 1 < size &&
        modules.isDark(x + 1, y) === colour &&
        modules.isDark(x, y + 1) === colour &&
        modules.isDark(x + 1, y + 1) === colour
      if (isBlock) penalty += BLOCK_PENALTY
    }
  // a step for each twentieth that the dark share is away from a half
  const total = size * size
  const steps = Math.max(0, Math.ceil(Math.abs(dark * 20 - total * 10) / total) - 1)
  return penalty + steps * BALANCE_PENALTY
}
