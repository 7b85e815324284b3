/** What commands of pools have in common. */

import { InvalidArgumentError, Option } from 'commander'
import type { Command } from 'commander'
import { POOL_ROLES } from '../../../pools.ts'
import { parseDuration, wholeNumber } from '../../arguments.ts'
import { parseCloseAt } from '../../pools/settings.ts'
import { parseSeconds } from '../account/shared.ts'

export const POOL_TEXT = 'name or id of the pool, as `peerbin pool ls` shows it'
export const GROUP_TEXT =
  'id of the group, as `peerbin pool groups` shows it, or "latest": the newest that has closed'

export const roleOption = (flags: string, text: string): Option => new Option(flags, text).choices(POOL_ROLES)

/** A span of time that may be none. */
function parseGrace(text: string): number {
  return /^0s?$/.test(text.trim()) ? 0 : parseDuration(text)
}

export const addSettings = (command: Command): Command =>
  command
    .option(
      '--frequency <duration>',
      'producers send at least so often: 1m to 30d (default of a new pool: 1h)',
      parseSeconds
    )
    .option(
      '--window <duration>',
      'files of so long a time make a group (default: the frequency)',
      parseSeconds
    )
    .option(
      '--grace <duration>',
      'a group stays open for so long after its window (default: a tenth of it)',
      parseGrace
    )
    .option('--tolerance <duration>', "how far a producer's clock may be off (default: 5m)", parseSeconds)
    .option('--max-age <duration>', 'older files are refused (default: 30d)', parseSeconds)
    .option(
      '--close-at <producers>',
      'a group closes when so many have sent; "none": at its time',
      parseCloseAt
    )
    .option(
      '--lease <duration>',
      'a server that says nothing for so long has lost its group (default: 10m)',
      parseSeconds
    )
    .option('--attempts <count>', 'a group is tried so often (default: 3)', wholeNumber(1, 100))
    .option(
      '--keep-files <duration>',
      'files are kept so long after their group is done (default: 7d)',
      parseSeconds
    )
    .option('--keep-results <duration>', 'results are kept so long (default: 30d)', parseSeconds)

/** `mtime`, `now`, or a time: ms since the epoch. */
export function parseTimestamp(text: string): 'mtime' | 'now' | number {
  if (text === 'mtime' || text === 'now') return text
  const at = /^\d{10,}$/.test(text) ? Number(text) : Date.parse(text)
  if (!Number.isSafeInteger(at))
    throw new InvalidArgumentError('Give "mtime", "now", or a time like 2026-11-22T09:30:00Z.')
  return at
}

/** Something that the server reads as a time. */
export function parseTime(text: string): string {
  const at = Date.parse(text)
  if (Number.isNaN(at)) throw new InvalidArgumentError('Give a time like 2026-11-22T09:30:00Z.')
  return new Date(at).toISOString()
}

/** Ids of files in a queue. */
export const collectIds = (text: string, before: readonly number[] = []): number[] => [
  ...before,
  wholeNumber(1, Number.MAX_SAFE_INTEGER)(text)
]

export const addQueueFolder = (command: Command): Command =>
  command.option(
    '--queue-folder <folder>',
    'where the queue stands (default: a folder of its own for each pool and member, below XDG_STATE_HOME)'
  )
