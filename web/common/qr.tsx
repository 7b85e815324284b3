/** A link as a QR code: black on white in the dark too, with its margin, since phones want it so. */

import type { JSX } from 'preact'
import { MARGIN } from '../../src/qr/qr-code.ts'
import { qrPath } from '../../src/qr/path.ts'

/** Nothing for a text that is too long for a code. */
export function Qr({ text, label }: { text: string; label: string }): JSX.Element | null {
  const code = qrPath(text)
  if (code === undefined) return null
  const side = code.size + 2 * MARGIN
  return (
    <svg viewBox={`0 0 ${side} ${side}`} shape-rendering="crispEdges" role="img" aria-label={label}>
      <rect width={side} height={side} fill="#ffffff" />
      <path d={code.path} fill="#000000" />
    </svg>
  )
}
