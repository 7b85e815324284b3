/** The square of a QR code while it is drawn: which modules are dark, and which belong to patterns that every code has. */

import { alignmentCentres, sizeOf } from './versions.ts'

export class Modules {
  readonly size: number
  readonly #dark: Uint8Array
  readonly #fixed: Uint8Array

  private constructor(size: number, dark: Uint8Array, fixed: Uint8Array) {
    this.size = size
    this.#dark = dark
    this.#fixed = fixed
  }

  /** With its patterns, and room for format and version. */
  static of(version: number): Modules {
    const size = sizeOf(version)
    const modules = new Modules(size, new Uint8Array(size * size), new Uint8Array(size * size))
    modules.#drawPatterns(version)
    return modules
  }

  copy(): Modules {
    return new Modules(this.size, this.#dark.slice(), this.#fixed)
  }

  isDark(x: number, y: number): boolean {
    return this.#dark[y * this.size + x] === 1
  }

  isFixed(x: number, y: number): boolean {
    return this.#fixed[y * this.size + x] === 1
  }

  set(x: number, y: number, dark: boolean): void {
    this.#dark[y * this.size + x] = dark ? 1 : 0
  }

  #fix(x: number, y: number, dark: boolean): void {
    if (x < 0 || y < 0 || x >= this.size || y >= this.size) return
    this.set(x, y, dark)
    this.#fixed[y * this.size + x] = 1
  }

  #drawPatterns(version: number): void {
    const { size } = this
    for (let i = 0; i < size; i++) {
      this.#fix(6, i, i % 2 === 0)
      this.#fix(i, 6, i % 2 === 0)
    }
    for (const [x, y] of [
      [3, 3],
      [size - 4, 3],
      [3, size - 4]
    ] as const)
      this.#drawSquares(x, y, 4, [0, 1, 3])
    const centres = alignmentCentres(version)
    const last = centres.at(-1)
    for (const x of centres)
      for (const y of centres) {
        // three corners have a finder pattern there
        const isTaken = (x === 6 && y === 6) || (x === 6 && y === last) || (x === last && y === 6)
        if (!isTaken) this.#drawSquares(x, y, 2, [0, 2])
      }
    this.drawFormat(0)
    this.#drawVersion(version)
  }

  /** Rings around a centre, as far as `reach`; those at the distances of `dark` are dark. */
  #drawSquares(x: number, y: number, reach: number, dark: readonly number[]): void {
    for (let dy = -reach; dy <= reach; dy++)
      for (let dx = -reach; dx <= reach; dx++)
        this.#fix(x + dx, y + dy, dark.includes(Math.max(Math.abs(dx), Math.abs(dy))))
  }

  /** Level M and the mask, twice, with a BCH code (ISO/IEC 18004, 7.9). */
  drawFormat(mask: number): void {
    const { size } = this
    const bits = ((mask << 10) | remainder(mask, 10, 0x537)) ^ 0x5412
    const isSet = (i: number): boolean => ((bits >>> i) & 1) === 1
    for (let i = 0; i < 15; i++) {
      // around the corner at the top left, past the timing patterns
      const along = i < 6 ? i : i < 8 ? i + 1 : 14 - i + (i < 9 ? 1 : 0)
      if (i < 8) this.#fix(8, along, isSet(i))
      else this.#fix(along, 8, isSet(i))
      // and along the other two
      if (i < 8) this.#fix(size - 1 - i, 8, isSet(i))
      else this.#fix(8, size - 15 + i, isSet(i))
    }
    this.#fix(8, size - 8, true)
  }

  #drawVersion(version: number): void {
    if (version < 7) return
    const bits = (version << 12) | remainder(version, 12, 0x1f25)
    for (let i = 0; i < 18; i++) {
      const dark = ((bits >>> i) & 1) === 1
      const [a, b] = [this.size - 11 + (i % 3), Math.floor(i / 3)]
      this.#fix(a, b, dark)
      this.#fix(b, a, dark)
    }
  }
}

/** Of `value` · x^degree divided by a polynomial of that degree over GF(2). */
function remainder(value: number, degree: number, polynomial: number): number {
  let rest = value
  for (let i = 0; i < degree; i++) rest = (rest << 1) ^ ((rest >>> (degree - 1)) * polynomial)
  return rest
}
