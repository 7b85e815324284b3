/** Options that several commands have, and what they mean. */

import { Option } from 'commander'
import type { Command } from 'commander'
import { resolve } from 'node:path'
import { mergeConfig, readConfigFile, readFolderConfig } from '../../compose/config-sources.ts'
import { parseConfig } from '../../config.ts'
import type { Config, ConfigInput } from '../../config.ts'
import { collectSettings, configOf } from '../settings.ts'
import type { Setting } from '../settings.ts'
import type { CliContext } from '../context.ts'
import { parseServer } from '../arguments.ts'

export const DEFAULT_DATA = '.peerbin'
export const DEFAULT_SERVER = 'http://127.0.0.1:8080'

export interface DataOptions {
  data: string
}

export interface SettingOptions {
  config?: string
  set?: Setting[]
}

export interface ServerOptions {
  server: URL
}

/** `--data`, from PEERBIN_DATA or a folder of the working directory. */
export const addDataOption = (command: Command): Command =>
  command.addOption(
    new Option('-d, --data <folder>', 'data folder').env('PEERBIN_DATA').default(DEFAULT_DATA)
  )

export const addSettingOptions = (command: Command): Command =>
  command
    .option('-c, --config <file>', 'settings from a JSON file, over those of config.json in the data folder')
    .option(
      '-s, --set <section.key=value>',
      'one setting, over all files; may be given again (see `peerbin config`)',
      collectSettings
    )

export const addServerOption = (command: Command): Command =>
  command.addOption(
    new Option('--server <url>', 'edge to talk to')
      .env('PEERBIN_SERVER')
      .argParser(firstServer)
      .default(new URL(DEFAULT_SERVER), DEFAULT_SERVER)
  )

/** PEERBIN_SERVER may name several edges, for push. */
const firstServer = (text: string): URL => parseServer(text.split(',', 1)[0] ?? '')

export const dataFolder = (options: DataOptions, context: CliContext): string =>
  resolve(context.cwd, options.data)

/** Settings of a command that works on a data folder: config.json, `--config`, `--set`, then `flags` that stand for settings. */
export async function gatherConfig(
  folder: string,
  options: SettingOptions,
  flags: ConfigInput,
  context: CliContext
): Promise<{ input: ConfigInput; config: Config }> {
  const sources = [
    await readFolderConfig(folder),
    options.config === undefined ? {} : await readConfigFile(resolve(context.cwd, options.config)),
    configOf(options.set ?? []),
    flags
  ]
  const input = mergeConfig(...sources)
  return { input, config: parseConfig(input, 'settings') }
}
