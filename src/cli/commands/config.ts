import type { Command } from 'commander'
import { describeConfig } from '../../config.ts'
import type { CliContext } from '../context.ts'

const TEXT = `
Settings come from, later ones winning: these defaults, config.json in the data folder, --config FILE, --set section.key=value.
With --set, durations and sizes may have a unit: --set link.ttlMs=1w --set edge.uploadBytesMax=50MB

Examples:
  peerbin config
  peerbin config --json
  echo '{"link": {"ttlMs": 3600000}}' > .peerbin/config.json`

export function addConfigCommand(program: Command, context: CliContext): void {
  program
    .command('config')
    .summary('list all settings with their defaults')
    .description('List all settings with their defaults and what they are for.')
    .option('--json', 'as JSON: [{key, value, text}]')
    .addHelpText('after', TEXT)
    .action((options: { json?: boolean }) => {
      const settings = describeConfig()
      if (options.json === true) context.stdout.write(`${JSON.stringify(settings, undefined, 2)}\n`)
      else context.stdout.write(settings.map(oneSetting).join(''))
    })
}

const oneSetting = (setting: { key: string; value: unknown; text: string }): string =>
  `${setting.key} = ${JSON.stringify(setting.value)}\n    ${setting.text}\n`
