/** Settings from the command line: `--config FILE`, `--set section.key=value`, and flags that stand for a setting. */

import { InvalidArgumentError } from 'commander'
import { mergeConfig } from '../compose/config-sources.ts'
import { defaultConfig } from '../config.ts'
import type { ConfigInput } from '../config.ts'
import { parseDuration, parseSize } from './arguments.ts'

/** One `--set`: which setting, and its value in the type of the schema. */
export interface Setting {
  readonly section: string
  readonly key: string
  readonly value: unknown
  /** As it was given, to pass it on to a child process. */
  readonly text: string
}

type Plain = Record<string, Record<string, unknown>>

const defaults: Plain = defaultConfig()

/** `link.ttlMs=2d`, `edge.port=0`, `network.announce=["/dns4/a/tcp/4000"]`. Durations and sizes may have a unit. */
export function parseSetting(text: string): Setting {
  const match = /^([a-z]+)\.([A-Za-z]+)=(.*)$/s.exec(text)
  if (match === null)
    throw new InvalidArgumentError('Give it as section.key=value; `peerbin config` lists them.')
  const [, section = '', key = '', raw = ''] = match
  const values = Object.hasOwn(defaults, section) ? defaults[section] : undefined
  const standard = values !== undefined && Object.hasOwn(values, key) ? values[key] : undefined
  if (standard === undefined)
    throw new InvalidArgumentError(`There is no setting ${section}.${key}; \`peerbin config\` lists them.`)
  return { section, key, value: typed(standard, key, raw), text }
}

export const collectSettings = (text: string, previous: readonly Setting[] = []): Setting[] => [
  ...previous,
  parseSetting(text)
]

function typed(standard: unknown, key: string, raw: string): unknown {
  if (Array.isArray(standard)) return parseList(raw)
  if (typeof standard === 'boolean') return raw === 'true' ? true : raw === 'false' ? false : raw
  if (typeof standard !== 'number') return raw
  if (/^-?\d+$/.test(raw)) return Number(raw)
  if (key.endsWith('Ms')) return parseDuration(raw)
  if (key.endsWith('Bytes') || key.endsWith('BytesMax')) return parseSize(raw)
  throw new InvalidArgumentError(`Give a whole number for ${key}.`)
}

function parseList(raw: string): unknown {
  if (!raw.startsWith('[')) return raw === '' ? [] : raw.split(',').map((item) => item.trim())
  try {
    return JSON.parse(raw) as unknown
  } catch {
    throw new InvalidArgumentError('Give a list as a,b,c or as JSON.') // whatever JSON.parse says, this is what helps
  }
}

export const configOf = (settings: readonly Setting[]): ConfigInput =>
  mergeConfig(...settings.map(({ section, key, value }) => ({ [section]: { [key]: value } }) as ConfigInput))
