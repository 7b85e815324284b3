import { qrCode } from '../../qr/qr-code.ts'
import { terminalText, terminalWidth } from '../../qr/terminal.ts'
import { say } from '../context.ts'
import type { CliContext } from '../context.ts'

/** Draws a link for a phone's camera. On standard error: standard output belongs to the links. */
export function drawLink(url: string, context: CliContext): void {
  const { stderr, env } = context
  const code = qrCode(url)
  if (code === undefined) return say(context, 'the link is too long for a QR code')
  const { columns } = stderr
  if (columns !== undefined && terminalWidth(code) > columns)
    return say(
      context,
      `the QR code needs a terminal of ${terminalWidth(code)} columns; this one has ${columns}`
    )
  stderr.write(terminalText(code, stderr.isTTY === true && (env['NO_COLOR'] ?? '') === ''))
}
