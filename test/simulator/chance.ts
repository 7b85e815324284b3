/** Seeded chance of the simulator: the same numbers each time, on every machine. Not for secrets. */

import type { Random } from '../../src/interfaces.ts'

/** sfc32 (Chris Doty-Humphrey, PractRand): 128 bits of state, fast, and without visible patterns. */
export class Chance implements Random {
  readonly #name: string
  #a: number
  #b: number
  #c: number
  #counter = 1

  /** @param name the seed; equal names give equal numbers */
  constructor(name: string) {
    this.#name = name
    this.#a = hash32(name, 0x9e3779b9)
    this.#b = hash32(name, 0x243f6a88)
    this.#c = hash32(name, 0xb7e15162)
    for (let i = 0; i < 15; i++) this.#next()
  }

  /** Chance of its own for a part: what others draw does not change what it draws. */
  fork(part: string): Chance {
    return new Chance(`${this.#name}/${part}`)
  }

  fraction(): number {
    return this.#next() / 2 ** 32
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length; at += 4) {
      const word = this.#next()
      for (let i = 0; i < 4 && at + i < length; i++) bytes[at + i] = (word >>> (8 * i)) & 0xff
    }
    return bytes
  }

  /** Uniform among the whole numbers from `least` to `most`, both included. */
  whole(least: number, most: number): number {
    return least + Math.floor(this.fraction() * (most - least + 1))
  }

  /** Uniform in [least, most). */
  between(least: number, most: number): number {
    return least + this.fraction() * (most - least)
  }

  happens(probability: number): boolean {
    return this.fraction() < probability
  }

  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    const picked = list[Math.floor(this.fraction() * list.length)]
    if (picked === undefined) throw new Error('there is nothing to pick from')
    return picked
  }

  /** One of the keys, each in proportion to its weight. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries<number>(weights) as Array<[K, number]>
    let left = this.fraction() * entries.reduce((sum, [, weight]) => sum + weight, 0)
    for (const [key, weight] of entries) {
      left -= weight
      if (left < 0) return key
    }
    throw new Error('every weight is zero')
  }

  shuffled<T>(list: readonly T[]): T[] {
    const left = [...list]
    return list.map(() => left.splice(Math.floor(this.fraction() * left.length), 1)).flat()
  }

  #next(): number {
    const sum = (this.#a + this.#b + this.#counter++) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum
    return sum >>> 0
  }
}

/** FNV-1a with a last mixing step. */
export function hash32(text: string, seed = 0): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return (hash ^ (hash >>> 13)) >>> 0
}
