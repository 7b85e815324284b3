/** How commands of an account show what a server says. */

import { aligned } from '../cluster/status-text.ts'
import type { CliContext } from '../context.ts'

/** A name or path is what somebody chose: it must not reach into the terminal. */
export const shown = (text: string): string => text.replaceAll(/\p{C}|[\p{Zl}\p{Zp}]/gu, '?')

/** A time in the zone of the person who looks, to the minute or to the second: `2026-11-22 09:30`. What is no time is shown as it is. */
export function localTime(time: string | number, withSeconds = false): string {
  const at = new Date(time)
  if (Number.isNaN(at.getTime())) return shown(String(time))
  const two = (value: number): string => String(value).padStart(2, '0')
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  const seconds = withSeconds ? `:${two(at.getSeconds())}` : ''
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}${seconds}`
}

/** A result: as one line of JSON, or as a sentence. */
export function tell(
  options: { json?: boolean },
  context: CliContext,
  record: Readonly<Record<string, unknown>>,
  text: string
): void {
  context.stdout.write(options.json === true ? `${JSON.stringify(record)}\n` : `${text}\n`)
}

/** Rows in columns; nothing for none. */
export function writeTable(
  context: CliContext,
  head: readonly string[],
  rows: readonly (readonly string[])[]
): void {
  if (rows.length > 0) context.stdout.write(`${aligned([head, ...rows]).join('\n')}\n`)
}

/** One object a line. */
export function writeLines(context: CliContext, records: Iterable<unknown>): void {
  for (const record of records) context.stdout.write(`${JSON.stringify(record)}\n`)
}
