/** A QR code in a page, as SVG: black on white in dark mode too, with its margin, since phones want it so. */

import { MARGIN } from '../../qr/qr-code.ts'
import { qrPath } from '../../qr/path.ts'
import { html } from '../html.ts'
import type { Html } from '../html.ts'

/** Undefined for an address that is too long for a code. @param label says to those who do not see it what it is */
export function qrFigure(text: string, label: string, caption: string): Html | undefined {
  const code = qrPath(text)
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
      <path d="${code.path}" fill="#000000"></path>
    </svg>
    <figcaption>${caption}</figcaption>
  </figure>`
}
