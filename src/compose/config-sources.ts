/** Where settings come from besides the code: JSON files, and later sources over earlier ones. */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseConfig } from '../config.ts'
import type { ConfigInput } from '../config.ts'
import { PeerbinError } from '../errors.ts'

/** Settings of everything in a data folder. */
export const CONFIG_FILE = 'config.json'

type Plain = Record<string, Record<string, unknown>>

/** The settings in a data folder; none when it has no config.json. @throws as readConfigFile */
export async function readFolderConfig(folder: string): Promise<ConfigInput> {
  try {
    return await readConfigFile(join(folder, CONFIG_FILE))
  } catch (error) {
    if (isMissing(error)) return {}
    throw error
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof PeerbinError &&
  error.cause instanceof Error &&
  'code' in error.cause &&
  (error.cause.code === 'ENOENT' || error.cause.code === 'ENOTDIR')

/** Reads a file of settings. @throws `local-file` when it cannot be read, `config-invalid` when it is not valid. */
export async function readConfigFile(path: string): Promise<ConfigInput> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw new PeerbinError('local-file', `cannot read ${path}`, { cause: error })
  }
  return parseConfigText(text, path)
}

/** Checks the text of a config file and answers what it says, without defaults filled in. @throws `config-invalid` naming the file. */
export function parseConfigText(text: string, path: string): ConfigInput {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    const why = error instanceof Error ? error.message : ''
    throw new PeerbinError('config-invalid', `${path} is not valid JSON: ${why}`, { cause: error })
  }
  parseConfig(value, path)
  return value as ConfigInput
}

/** Later ones win, setting by setting. */
export function mergeConfig(...inputs: readonly ConfigInput[]): ConfigInput {
  const merged: Plain = {}
  for (const input of inputs) {
    for (const [section, values] of Object.entries(input)) {
      merged[section] = { ...merged[section], ...definedOf(values) }
    }
  }
  return merged as ConfigInput
}

const definedOf = (values: object | undefined): Record<string, unknown> =>
  Object.fromEntries(Object.entries(values ?? {}).filter(([, value]) => value !== undefined))
