/** A QR code in a page, as SVG: black on white in dark mode too, with its margin, since phones want it so. */

import { MARGIN, qrCode } from '../../qr/qr-code.ts'
import type { QrCode } from '../../qr/qr-code.ts'
import { html } from '../html.ts'
import type { Html } from '../html.ts'

/** Dark modules as one path: each run of a row is a rectangle. */
function pathOf(code: QrCode): string {
  let path = ''
  for (let y = 0; y < code.size; y++)
    for (let x = 0; x < code.size; x++) {
      let run = 0
      while (x + run < code.size && code.isDark(x + run, y)) run++
      if (run > 0) path += `M${x + MARGIN} ${y + MARGIN}h${run}v1h-${run}z`
      x += run
    }
  return path
}

/** Undefined for an address that is too long for a code. @param label says to those who do not see it what it is */
export function qrFigure(text: string, label: string, caption: string): Html | undefined {
  const code = qrCode(text)
  if (code === undefined) return undefined
  const side = code.size + 2 * MARGIN
  return html`<figure class="qr">
    <svg
      xmlns="http://www.w3.org/2000/svg"
      viewBox="0 0 ${side} ${side}"
      width="200"
      height="200"
      shape-rendering="crispEdges"
      role="img"
      aria-label="${label}"
    >
      <rect width="${side}" height="${side}" fill="#ffffff"></rect>
      <path d="${pathOf(code)}" fill="#000000"></path>
    </svg>
    <figcaption>${caption}</figcaption>
  </figure>`
}
