/** A QR code as one SVG path, for pages. */

import { MARGIN, qrCode } from './qr-code.ts'

/**
 * Dark modules as one path, with room for the margin around it: each run of a row is a rectangle.
 * @returns undefined for a text that is too long for a code
 */
export function qrPath(text: string): { readonly size: number; readonly path: string } | undefined {
  const code = qrCode(text)
  if (code === undefined) return undefined
  let path = ''
  for (let y = 0; y < code.size; y++)
    for (let x = 0; x < code.size; x++) {
      let run = 0
      while (x + run < code.size && code.isDark(x + run, y)) run++
      if (run > 0) path += `M${x + MARGIN} ${y + MARGIN}h${run}v1h-${run}z`
      x += run
    }
  return { size: code.size, path }
}
