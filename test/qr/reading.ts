/** Reads a QR code as a decoder does, by the rules of the standard and not by the tables of the encoder: level M, bytes only. */

import type { QrCode } from '../../src/qr/qr-code.ts'

/** Format information of level M, by mask (ISO/IEC 18004, table C.1). */
const FORMATS = [
  0b101010000010010, 0b101000100100101, 0b101111001111100, 0b101101101001011, 0b100010111111001,
  0b100000011001110, 0b100111110010111, 0b100101010100000
]

/** Version information (ISO/IEC 18004, table D.1), from version 7 on. */
const VERSIONS = [
  0x07c94, 0x085bc, 0x09a99, 0x0a4d3, 0x0bbf6, 0x0c762, 0x0d847, 0x0e60d, 0x0f928, 0x10b78, 0x1145d, 0x12a17,
  0x13532, 0x149a6
]

/** Blocks with their data codewords, and codewords of correction in each (ISO/IEC 18004, table 9, level M). */
const BLOCKS: ReadonlyArray<
  readonly [groups: ReadonlyArray<readonly [count: number, data: number]>, correction: number]
> = [
  [[[1, 16]], 10],
  [[[1, 28]], 16],
  [[[1, 44]], 26],
  [[[2, 32]], 18],
  [[[2, 43]], 24],
  [[[4, 27]], 16],
  [[[4, 31]], 18],
  [
    [
      [2, 38],
      [2, 39]
    ],
    22
  ],
  [
    [
      [3, 36],
      [2, 37]
    ],
    22
  ],
  [
    [
      [4, 43],
      [1, 44]
    ],
    26
  ],
  [
    [
      [1, 50],
      [4, 51]
    ],
    30
  ],
  [
    [
      [6, 36],
      [2, 37]
    ],
    22
  ],
  [
    [
      [8, 37],
      [1, 38]
    ],
    22
  ],
  [
    [
      [4, 40],
      [5, 41]
    ],
    24
  ],
  [
    [
      [5, 41],
      [5, 42]
    ],
    24
  ],
  [
    [
      [7, 45],
      [3, 46]
    ],
    28
  ],
  [
    [
      [10, 46],
      [1, 47]
    ],
    28
  ],
  [
    [
      [9, 43],
      [4, 44]
    ],
    26
  ],
  [
    [
      [3, 44],
      [11, 45]
    ],
    26
  ],
  [
    [
      [3, 41],
      [13, 42]
    ],
    26
  ]
]

/** Rows and columns of alignment patterns (ISO/IEC 18004, table E.1). */
const ALIGNMENTS: readonly number[][] = [
  [],
  [6, 18],
  [6, 22],
  [6, 26],
  [6, 30],
  [6, 34],
  [6, 22, 38],
  [6, 24, 42],
  [6, 26, 46],
  [6, 28, 50],
  [6, 30, 54],
  [6, 32, 58],
  [6, 34, 62],
  [6, 26, 46, 66],
  [6, 26, 48, 70],
  [6, 26, 50, 74],
  [6, 30, 54, 78],
  [6, 30, 56, 82],
  [6, 30, 58, 86],
  [6, 34, 62, 90]
]

const FLIPS: ReadonlyArray<(i: number, j: number) => boolean> = [
  (i, j) => (i + j) % 2 === 0,
  (i) => i % 2 === 0,
  (_i, j) => j % 3 === 0,
  (i, j) => (i + j) % 3 === 0,
  (i, j) => ((i >> 1) + Math.trunc(j / 3)) % 2 === 0,
  (i, j) => ((i * j) % 2) + ((i * j) % 3) === 0,
  (i, j) => (((i * j) % 2) + ((i * j) % 3)) % 2 === 0,
  (i, j) => (((i + j) % 2) + ((i * j) % 3)) % 2 === 0
]

/** Powers of 2 in the field, and their logarithms. */
const EXP: number[] = []
for (let i = 0, x = 1; i < 255; i++, x = x & 128 ? (x << 1) ^ 285 : x << 1) EXP.push(x)
const times = (a: number, b: number): number =>
  a === 0 || b === 0 ? 0 : (EXP[(EXP.indexOf(a) + EXP.indexOf(b)) % 255] ?? 0)

/** @throws when something is not as a decoder without any tolerance wants it */
export function readQrCode(code: QrCode): { text: string; version: number } {
  const { size } = code
  const version = (size - 17) / 4
  const at = (row: number, column: number): number => (code.isDark(column, row) ? 1 : 0)
  const fail = (what: string): never => {
    throw new Error(`${what} of version ${version} is wrong`)
  }
  const number = (cells: ReadonlyArray<readonly [number, number]>): number =>
    cells.reduce((bits, [row, column]) => (bits << 1) | at(row, column), 0)

  for (let i = 8; i < size - 8; i++) if (at(6, i) !== (i + 1) % 2 || at(i, 6) !== (i + 1) % 2) fail('timing')
  for (const [row, column] of [
    [0, 0],
    [0, size - 7],
    [size - 7, 0]
  ] as const)
    for (let i = 0; i < 7; i++)
      for (let j = 0; j < 7; j++) {
        const ring = Math.max(Math.abs(i - 3), Math.abs(j - 3))
        if (at(row + i, column + j) !== (ring === 2 ? 0 : 1)) fail('finder')
      }
  if (at(size - 8, 8) !== 1) fail('dark module')

  const first = number([
    ...[0, 1, 2, 3, 4, 5, 7, 8].map((column) => [8, column] as const),
    ...[7, 5, 4, 3, 2, 1, 0].map((row) => [row, 8] as const)
  ])
  const second = number([
    ...[1, 2, 3, 4, 5, 6, 7].map((i) => [size - i, 8] as const),
    ...[8, 7, 6, 5, 4, 3, 2, 1].map((i) => [8, size - i] as const)
  ])
  const mask = FORMATS.indexOf(first)
  if (mask < 0 || first !== second) fail('format')
  if (version >= 7) {
    const cells = Array.from(
      { length: 18 },
      (_, i) => [Math.trunc((17 - i) / 3), size - 11 + ((17 - i) % 3)] as const
    )
    const bits = number(cells)
    if (bits !== VERSIONS[version - 7] || bits !== number(cells.map(([a, b]) => [b, a] as const)))
      fail('version')
  }

  const centres = ALIGNMENTS[version - 1] ?? []
  const isPattern = (row: number, column: number): boolean =>
    (row < 9 && (column < 9 || column >= size - 8)) ||
    (row >= size - 8 && column < 9) ||
    row === 6 ||
    column === 6 ||
    (version >= 7 && ((row < 6 && column >= size - 11) || (column < 6 && row >= size - 11))) ||
    centres.some((r) =>
      centres.some((c) => {
        const isFinder = (r === 6 && c === 6) || (r === 6 && c === size - 7) || (r === size - 7 && c === 6)
        return !isFinder && Math.abs(row - r) <= 2 && Math.abs(column - c) <= 2
      })
    )
  const bits: number[] = []
  let upward = true
  for (let column = size - 1; column > 0; column -= column === 8 ? 3 : 2) {
    for (let i = 0; i < size; i++)
      for (const each of [column, column - 1]) {
        const row = upward ? size - 1 - i : i
        if (!isPattern(row, each)) bits.push(at(row, each) ^ (FLIPS[mask]?.(row, each) === true ? 1 : 0))
      }
    upward = !upward
  }
  const codewords = Array.from({ length: Math.trunc(bits.length / 8) }, (_, i) =>
    Number.parseInt(bits.slice(i * 8, i * 8 + 8).join(''), 2)
  )

  const [groups, correction] = BLOCKS[version - 1] ?? [[], 0]
  const lengths = groups.flatMap(([count, data]) => Array.from({ length: count }, () => data))
  const blocks: number[][] = lengths.map(() => [])
  let next = 0
  for (let i = 0; i < Math.max(...lengths); i++)
    for (const [b, length] of lengths.entries()) if (i < length) blocks[b]?.push(codewords[next++] ?? 0)
  const data = blocks.flat()
  for (let i = 0; i < correction; i++) for (const block of blocks) block.push(codewords[next++] ?? 0)
  // without a damaged module every syndrome is zero
  for (const block of blocks)
    for (let i = 0; i < correction; i++)
      if (block.reduce((sum, codeword) => times(sum, EXP[i] ?? 0) ^ codeword, 0) !== 0) fail('correction')

  const stream = data.map((codeword) => codeword.toString(2).padStart(8, '0')).join('')
  if (!stream.startsWith('0100')) fail('mode')
  const counted = version < 10 ? 8 : 16
  const length = Number.parseInt(stream.slice(4, 4 + counted), 2)
  const bytes = Array.from({ length }, (_, i) =>
    Number.parseInt(stream.slice(4 + counted + i * 8, 12 + counted + i * 8), 2)
  )
  return { text: Buffer.from(bytes).toString('utf8'), version }
}
