import { Option } from 'commander'
import type { Command } from 'commander'
import type { GetOptions } from '../../account/fetch-file.ts'
import type { LsOptions } from '../../account/list.ts'
import type { PutOptions } from '../../account/put.ts'
import type { RmOptions } from '../../account/remove.ts'
import { addAccountOptions } from '../../account/session.ts'
import type { FileOptions } from '../../account/open-files.ts'
import { collectPair, wholeNumber } from '../../arguments.ts'
import type { CliContext } from '../../context.ts'
import { addOwnerOption, FILE_TEXT, parseSeconds, VERSION_MAX } from './shared.ts'

const LS_TEXT = `
Folders end with a /. Without a folder it is the top; --search looks below the folder, however deep.

Examples:
  peerbin ls
  peerbin ls -l reports
  peerbin ls --search invoice --sort date
  peerbin ls -R --json | jq -r 'select(.status == "upload_failed") | .path'`

const PUT_TEXT = `
Each file becomes a version of the file at its path, a new one or the next. Folders go with all that is in them, hidden files too; symbolic links inside are not followed, and
empty files are left out.

The last argument is the path at the server when nothing here has that name; after several files it begins or ends with a /. With a / at its end, or for several files, it is a
folder they go into; otherwise it is the path itself. --to says the same without any doubt.

A connection that breaks is gone on with. What the server has in the end is compared by SHA-256. "cached" means that every byte is safe on two machines, and that the server makes
the further copies by itself.

Examples:
  peerbin put report.pdf                          # as report.pdf
  peerbin put report.pdf reports/                 # as reports/report.pdf
  peerbin put report.pdf reports/2026/final.pdf
  peerbin put holiday/ *.jpg /photos/
  peerbin put --expires 30d --meta project=x --meta author=ada data.csv`

const GET_TEXT = `
What has arrived is kept in NAME.peerbin-part: after a break, a Ctrl-C or a power cut the same command goes on where it was. The file gets its name only when its SHA-256 is
what the server says. With --recursive everything below a folder comes; what is here already with the same bytes is not fetched again.

Examples:
  peerbin get reports/report.pdf
  peerbin get reports/report.pdf --version 2 -o old.pdf
  peerbin get -r photos -o ~/Pictures/photos
  peerbin get -o - data.csv.gz | gunzip`

const RM_TEXT = `
Deletes with all versions, at once; links to it are withdrawn, and downloads under way may end. With --version only that version goes.

Examples:
  peerbin rm report.pdf
  peerbin rm -r photos/2019
  peerbin rm --version 3 report.pdf`

const MV_TEXT = `
Versions, links and the id stay. A path that ends with a / is a folder to move into. Of a folder everything moves, or nothing where something is in the way.

Examples:
  peerbin mv draft.pdf reports/final.pdf
  peerbin mv draft.pdf reports/
  peerbin mv photos/2019 archive/`

export function addFileCommands(program: Command, context: CliContext): void {
  addLs(program, context)
  addPut(program, context)
  addGet(program, context)
  addRm(program, context)
  const mv = program
    .command('mv')
    .summary('rename or move files of the account')
    .description('Rename or move a file or a folder of the account.')
    .argument('<path>', `${FILE_TEXT}, or a folder`)
    .argument('<new-path>', 'where it is to be; a folder to move into ends with a /')
  addOwnerOption(addAccountOptions(mv, 'as JSON: the file, or how many moved with the folder'))
    .addHelpText('after', MV_TEXT)
    .action(async (from: string, to: string, options: FileOptions) => {
      const work = await import('../../account/remove.ts')
      await work.mv(from, to, options, context)
    })
}

function addLs(program: Command, context: CliContext): void {
  const command = program
    .command('ls')
    .summary('list files of the account')
    .description('List files and folders of the account.')
    .argument('[folder]', 'folder, or one file')
    .option('-l, --long', 'size, time, version, status and id as well')
    .option('-R, --recursive', 'also what is in folders inside')
    .option('--search <text>', 'files with this in their names')
    .addOption(new Option('--sort <by>', 'the order').choices(['name', 'date', 'size']))
    .option('--reverse', 'the order the other way round: names from the end; oldest, or smallest, first')
  addOwnerOption(addAccountOptions(command, 'one JSON object a line'))
    .addHelpText('after', LS_TEXT)
    .action(async (folder: string | undefined, options: LsOptions) => {
      const work = await import('../../account/list.ts')
      await work.ls(folder, options, context)
    })
}

function addPut(program: Command, context: CliContext): void {
  const command = program
    .command('put')
    .summary('store files and folders in the account')
    .description('Store files and folders in the account, as new files or new versions.')
    .argument('<file...>', 'files and folders here, and then the path at the server if it is to be another')
    .option('--to <path>', 'path at the server; a folder ends with a /')
    .option('-e, --expires <duration>', 'delete it after: 30m, 2h, 7d, 4w (default: never)', parseSeconds)
    .option(
      '-m, --meta <key=value>',
      'something of your own to keep with it; may be given again',
      collectPair
    )
    .option('--new', 'refuse where there is a file already, in place of a new version')
  addAccountOptions(command, 'one JSON object a line: path, file_id, version, status, …')
    .addHelpText('after', PUT_TEXT)
    .action(async (files: string[], options: PutOptions) => {
      const work = await import('../../account/put.ts')
      await work.put(files, options, context)
    })
}

function addGet(program: Command, context: CliContext): void {
  const command = program
    .command('get')
    .summary('fetch files of the account')
    .description('Fetch a file of the account, and go on after a break.')
    .argument('<path>', `${FILE_TEXT}, or with --recursive a folder`)
    .option(
      '-o, --output <file|folder|->',
      'where to save; - is standard output (default: its own name, here)'
    )
    .option('-f, --force', 'replace a file that is there')
    .option('-r, --recursive', 'everything below a folder')
    .option('--version <number>', 'an earlier version', wholeNumber(1, VERSION_MAX))
  addOwnerOption(addAccountOptions(command, 'as JSON: saved, file_id, version, sha256, …'))
    .addHelpText('after', GET_TEXT)
    .action(async (path: string, options: GetOptions) => {
      const work = await import('../../account/get.ts')
      await work.get(path, options, context)
    })
}

function addRm(program: Command, context: CliContext): void {
  const command = program
    .command('rm')
    .summary('delete files of the account')
    .description('Delete files of the account.')
    .argument('<path...>', `${FILE_TEXT}, or with --recursive folders`)
    .option('-r, --recursive', 'everything below a folder')
    .option('--version <number>', 'only this version', wholeNumber(1, VERSION_MAX))
  addOwnerOption(addAccountOptions(command, 'one JSON object a line, of each file or folder'))
    .addHelpText('after', RM_TEXT)
    .action(async (paths: string[], options: RmOptions) => {
      const work = await import('../../account/remove.ts')
      await work.rm(paths, options, context)
    })
}
