/** A QR code in a terminal: two modules in each character, one above the other. */

import { MARGIN } from './qr-code.ts'
import type { QrCode } from './qr-code.ts'

/** By what is dark: nothing, the upper, the lower, both. */
const DARK_INK = [' ', '▀', '▄', '█']
const LIGHT_INK = ['█', '▄', '▀', ' ']

/** Black on white, whatever the terminal's colours are: codes of 256-colour terminals, whose first sixteen colours people change. */
const BLACK_ON_WHITE = '\u001B[38;5;16;48;5;231m'
const RESET = '\u001B[0m'

/** Characters a line. */
export const terminalWidth = ({ size }: QrCode): number => size + 2 * MARGIN

/**
 * Lines, each with its end.
 * @param colours without them what is light is drawn, for the dark ground that most terminals have
 */
export function terminalText(code: QrCode, colours: boolean): string {
  const ink = colours ? DARK_INK : LIGHT_INK
  const isDark = (x: number, y: number): boolean =>
    x >= 0 && y >= 0 && x < code.size && y < code.size && code.isDark(x, y)
  const lines: string[] = []
  for (let y = -MARGIN; y < code.size + MARGIN; y += 2) {
    let line = ''
    for (let x = -MARGIN; x < code.size + MARGIN; x++)
      line += ink[(isDark(x, y) ? 1 : 0) + (isDark(x, y + 1) ? 2 : 0)] ?? ' '
    lines.push(colours ? `${BLACK_ON_WHITE}${line}${RESET}\n` : `${line}\n`)
  }
  return lines.join('')
}
