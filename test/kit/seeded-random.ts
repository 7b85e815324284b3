/** Chance from a seed: the same numbers each time, on every machine. Not for secrets. */

import type { Random } from '../../src/interfaces.ts'

/** Mulberry32 (Tommy Ettinger, 2017): 32 bits of state, good enough to spread test cases. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  return {
    bytes: (length) => Uint8Array.from({ length }, () => next() & 0xff),
    fraction: () => next() / 2 ** 32
  }
}
