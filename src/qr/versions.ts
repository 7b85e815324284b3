/** Sizes of QR codes at error correction level M (ISO/IEC 18004:2015, tables 1, 7 and 9), up to version 20: 97 modules a side, 666 bytes. */

/** Codewords of error correction in each block, and blocks, by version from 1 on. */
const CORRECTION_PER_BLOCK = [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26]
const BLOCKS = [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16]

export const VERSION_MAX = BLOCKS.length

/** Modules a side. */
export const sizeOf = (version: number): number => version * 4 + 17

/** Modules for data and error correction: all but the patterns that every code has. */
function freeModules(version: number): number {
  let modules = (16 * version + 128) * version + 64
  if (version >= 2) {
    const alignments = Math.floor(version / 7) + 2
    modules -= (25 * alignments - 10) * alignments - 55
  }
  return version >= 7 ? modules - 36 : modules
}

export interface Layout {
  readonly version: number
  readonly blocks: number
  readonly correctionPerBlock: number
  /** In all blocks, in codewords of eight bits. */
  readonly codewords: number
  readonly dataCodewords: number
}

export function layoutOf(version: number): Layout {
  const blocks = BLOCKS[version - 1] ?? 0
  const correctionPerBlock = CORRECTION_PER_BLOCK[version - 1] ?? 0
  const codewords = Math.floor(freeModules(version) / 8)
  return {
    version,
    blocks,
    correctionPerBlock,
    codewords,
    dataCodewords: codewords - blocks * correctionPerBlock
  }
}

/** Bits of the field that says how many bytes follow. */
export const countBits = (version: number): number => (version < 10 ? 8 : 16)

/** Bytes that fit: four bits say that they are bytes. */
export const bytesMax = (version: number): number =>
  Math.floor((layoutOf(version).dataCodewords * 8 - 4 - countBits(version)) / 8)

/** Centres of the alignment patterns, on both axes. */
export function alignmentCentres(version: number): number[] {
  if (version === 1) return []
  const count = Math.floor(version / 7) + 2
  const step = Math.floor((version * 8 + count * 3 + 5) / (count * 4 - 4)) * 2
  const last = sizeOf(version) - 7
  return [6, ...Array.from({ length: count - 1 }, (_, i) => last - step * (count - 2 - i))]
}
