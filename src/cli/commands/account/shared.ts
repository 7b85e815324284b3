/** What several commands of accounts have in common. */

import { InvalidArgumentError } from 'commander'
import type { Command } from 'commander'
import { parseDuration } from '../../arguments.ts'

export const VERSION_MAX = 1_000_000_000

export const FILE_TEXT = 'path of a file at the server, or its id'

/** Whose files: an administrator may say so. */
export const addOwnerOption = (command: Command): Command =>
  command.option('--owner <user>', "for administrators: another user's files")

/** At least a second, in ms: servers count in seconds. */
export function parseSeconds(text: string): number {
  const durationMs = parseDuration(text)
  if (durationMs < 1000) throw new InvalidArgumentError('Give a second at least.')
  return durationMs
}
