/** Codes are read back by a decoder of our own, and by zbarimg where it is installed. */

import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { qrFigure } from '../../src/edge/pages/qr-figure.ts'
import { MASKS } from '../../src/qr/mask.ts'
import { MARGIN, qrCode } from '../../src/qr/qr-code.ts'
import type { QrCode } from '../../src/qr/qr-code.ts'
import { errorCorrection } from '../../src/qr/reed-solomon.ts'
import { terminalText, terminalWidth } from '../../src/qr/terminal.ts'
import { VERSION_MAX, bytesMax } from '../../src/qr/versions.ts'
import { testFolder } from '../kit/test-folder.ts'
import { readQrCode } from './reading.ts'

const LINK = 'https://share.example.org/d/VuIDRCkbSYTVpDh2K4-0MCar'
const ALPHABET = 'abcdefghijklmnopqrstuvwxyzABCDEFGH0123456789-_/:.?='
const sample = (length: number): string =>
  Array.from({ length }, (_, i) => ALPHABET[(i * 7 + ((i * i) % 11) + length) % ALPHABET.length]).join('')

const codeOf = (text: string): QrCode => {
  const code = qrCode(text)
  if (code === undefined) throw new Error('too long')
  return code
}

t.test('the correction is that of the standard’s tutorial example', async (t) => {
  const data = [32, 91, 11, 120, 209, 114, 220, 77, 67, 64, 236, 17, 236, 17, 236, 17]
  t.same([...errorCorrection(Uint8Array.from(data), 10)], [196, 35, 39, 119, 235, 215, 231, 226, 93, 23])
})

t.test('every version holds what it can, and is read back', async (t) => {
  for (let version = 1; version <= VERSION_MAX; version++) {
    const least = version === 1 ? 1 : bytesMax(version - 1) + 1
    for (const length of [least, bytesMax(version)]) {
      const text = sample(length)
      t.same(readQrCode(codeOf(text)), { text, version })
    }
  }
  t.equal(bytesMax(VERSION_MAX), 666)
  t.equal(qrCode(sample(667)), undefined)
})

t.test('links and other texts are read back, whatever mask they get', async (t) => {
  t.equal(MASKS.length, 8)
  for (let i = 0; i < 100; i++) {
    const text = `${LINK.slice(0, 28)}${sample(24 + i)}`
    t.equal(readQrCode(codeOf(text)).text, text)
  }
  for (const text of ['', 'ü', '📎 Größe', 'http://127.0.0.1:8080/d/VuIDRCkbSYTVpDh2K4-0MCar'])
    t.equal(readQrCode(codeOf(text)).text, text)
})

/** Dark modules of what is drawn, by the characters of a terminal, or by the rectangles of a path. */
const fromText = (text: string, light: string): QrCode => {
  const lines = text
    .split('\n')
    .slice(0, -1)
    .map((line) => line.replace(/^[^█▀▄ ]*\[[\d;]*m/, '').replace(/[^█▀▄ ]*\[0m$/, ''))
  const size = (lines[0]?.length ?? 0) - 2 * MARGIN
  const half = (row: number, column: number): boolean => {
    const ink = lines[row >> 1]?.[column] ?? ' '
    const isInked = ink === '█' || ink === (row % 2 === 0 ? '▀' : '▄')
    return light === 'ground' ? isInked : !isInked
  }
  return { size, isDark: (x, y) => half(y + MARGIN, x + MARGIN) }
}

t.test('a terminal gets black on white, or what is light drawn on its dark ground', async (t) => {
  const code = codeOf(LINK)
  for (const colours of [true, false]) {
    const text = terminalText(code, colours)
    t.equal(readQrCode(fromText(text, colours ? 'ground' : 'ink')).text, LINK)
    t.equal(text.includes('\u001B['), colours)
  }
  t.equal(terminalText(code, false).split('\n')[0]?.length, terminalWidth(code))
})

t.test('a page gets an image with its margin and a name', async (t) => {
  const figure = String(qrFigure(LINK, 'QR code of the link', 'scan <it>'))
  t.match(figure, /role="img"\s+aria-label="QR code of the link"/)
  t.match(figure, 'scan &lt;it&gt;')
  const dark = new Set<string>()
  for (const [, x = '', y = '', run = ''] of figure.matchAll(/M(\d+) (\d+)h(\d+)v1h-\d+z/g))
    for (let i = 0; i < Number(run); i++) dark.add(`${Number(x) + i - MARGIN} ${Number(y) - MARGIN}`)
  const { size } = codeOf(LINK)
  t.match(figure, `viewBox="0 0 ${size + 8} ${size + 8}"`)
  t.equal(readQrCode({ size, isDark: (x, y) => dark.has(`${x} ${y}`) }).text, LINK)
  t.equal(qrFigure(sample(700), '', ''), undefined)
})

/** A picture as Netpbm has it, three dots a module. */
function pictureOf(code: QrCode): string {
  const side = (code.size + 2 * MARGIN) * 3
  const rows = Array.from({ length: side }, (_, row) =>
    Array.from({ length: side }, (_, column) => {
      const [x, y] = [Math.floor(column / 3) - MARGIN, Math.floor(row / 3) - MARGIN]
      return x >= 0 && y >= 0 && x < code.size && y < code.size && code.isDark(x, y) ? 1 : 0
    }).join(' ')
  )
  return `P1\n${side} ${side}\n${rows.join('\n')}\n`
}

const isThere = spawnSync('zbarimg', ['--version']).status === 0
const skip =
  !isThere && process.env['CI'] === undefined ? 'zbarimg is not installed: apt-get install zbar-tools' : false

t.test('other people’s decoder reads them too', { skip }, async (t) => {
  const folder = testFolder(t)
  for (const text of [LINK, ...[1, 14, 106, 180, 412, 666].map(sample)]) {
    const file = join(folder, 'code.pbm')
    writeFileSync(file, pictureOf(codeOf(text)))
    const { stdout } = spawnSync('zbarimg', ['--quiet', '--raw', '-Sdisable', '-Sqrcode.enable', file])
    t.equal(stdout.toString().replace(/\n$/, ''), text)
  }
})
