/**
 * QR codes of links (ISO/IEC 18004:2015): bytes, error correction level M, the smallest of versions 1 to 20 that holds them, the mask with the least penalty. Level M
 * reads with 15 % of it damaged, which suits a screen as well as paper.
 *
 * Written here and not taken from a package: it is two hundred lines that never change, and what comes out is checked by other people's decoders (test/qr).
 */

import { masked, penaltyOf } from './mask.ts'
import { Modules } from './modules.ts'
import { errorCorrection } from './reed-solomon.ts'
import { VERSION_MAX, bytesMax, countBits, layoutOf } from './versions.ts'
import type { Layout } from './versions.ts'

export interface QrCode {
  /** Modules a side, without the light margin that has to be around it. */
  readonly size: number
  /** Column from the left, row from the top. */
  isDark(x: number, y: number): boolean
}

/** Light modules that have to be around a code. */
export const MARGIN = 4

const BYTE_MODE = 0b0100
const PADDING = [0xec, 0x11]

/** @returns undefined when the text has more bytes than version 20 holds (666) */
export function qrCode(text: string): QrCode | undefined {
  const bytes = new TextEncoder().encode(text)
  const version = Array.from({ length: VERSION_MAX }, (_, i) => i + 1).find(
    (each) => bytes.byteLength <= bytesMax(each)
  )
  if (version === undefined) return undefined
  const layout = layoutOf(version)
  const modules = Modules.of(version)
  place(modules, interleave(dataCodewords(bytes, layout), layout))
  let best: { modules: Modules; penalty: number } | undefined
  for (let mask = 0; mask < 8; mask++) {
    const candidate = masked(modules, mask)
    const penalty = penaltyOf(candidate)
    if (best === undefined || penalty < best.penalty) best = { modules: candidate, penalty }
  }
  return best?.modules
}

function dataCodewords(bytes: Uint8Array, { version, dataCodewords: count }: Layout): Uint8Array {
  const bits: number[] = []
  const push = (value: number, length: number): void => {
    for (let i = length - 1; i >= 0; i--) bits.push((value >>> i) & 1)
  }
  push(BYTE_MODE, 4)
  push(bytes.byteLength, countBits(version))
  for (const byte of bytes) push(byte, 8)
  push(0, Math.min(4, count * 8 - bits.length)) // the end
  push(0, (8 - (bits.length % 8)) % 8)
  for (let i = 0; bits.length < count * 8; i++) push(PADDING[i % 2] ?? 0, 8)
  const codewords = new Uint8Array(count)
  for (const [i, bit] of bits.entries()) codewords[i >>> 3] = ((codewords[i >>> 3] ?? 0) << 1) | bit
  return codewords
}

/** Blocks of nearly equal length, the shorter ones first, each with its correction; then one codeword of each in turn. */
function interleave(data: Uint8Array, layout: Layout): Uint8Array {
  const { blocks, correctionPerBlock, codewords } = layout
  const shortLength = Math.floor(data.byteLength / blocks)
  const longBlocks = data.byteLength % blocks
  const parts: Uint8Array[] = []
  for (let i = 0, at = 0; i < blocks; i++) {
    const length = shortLength + (i >= blocks - longBlocks ? 1 : 0)
    parts.push(data.subarray(at, at + length))
    at += length
  }
  const corrections = parts.map((part) => errorCorrection(part, correctionPerBlock))
  const result = new Uint8Array(codewords)
  let filled = 0
  for (const group of [parts, corrections]) {
    const longest = Math.max(...group.map((part) => part.byteLength))
    for (let i = 0; i < longest; i++)
      for (const part of group) if (i < part.byteLength) result[filled++] = part[i] ?? 0
  }
  return result
}

/** In columns of two from the right, up and down by turns, past the patterns. What is left over stays light. */
function place(modules: Modules, codewords: Uint8Array): void {
  const { size } = modules
  let bit = 0
  for (let right = size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5 // the timing pattern
    const isUpward = ((right + 1) & 2) === 0
    for (let step = 0; step < size; step++)
      for (const x of [right, right - 1]) {
        const y = isUpward ? size - 1 - step : step
        if (modules.isFixed(x, y) || bit >= codewords.byteLength * 8) continue
        modules.set(x, y, (((codewords[bit >>> 3] ?? 0) >>> (7 - (bit & 7))) & 1) === 1)
        bit++
      }
  }
}
