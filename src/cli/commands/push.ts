import { InvalidArgumentError } from 'commander'
import type { Command } from 'commander'
import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { z } from 'zod'
import { asPeerbinError, PeerbinError } from '../../errors.ts'
import { parseDuration, wholeNumber } from '../arguments.ts'
import { say } from '../context.ts'
import type { CliContext } from '../context.ts'
import { FailedQuietly } from '../failed-quietly.ts'
import { multipartForm } from '../http/multipart.ts'
import type { FormFile } from '../http/multipart.ts'
import { failureOf, readJson, request } from '../http/request.ts'
import { Progress } from '../progress.ts'
import { addServerOption } from './shared.ts'
import type { ServerOptions } from './shared.ts'

const PIECE_BYTES = 256 * 1024
const SHA256_HEX_LENGTH = 64

interface PushOptions extends ServerOptions {
  downloads?: number
  expires?: number
  json?: boolean
}

const TEXT = `
Prints one link a line, in the order of the files. The link works once, for two days, unless the options or the server say otherwise.
The file's SHA-256 goes along, and the server keeps nothing that does not match it.

Examples:
  peerbin push report.pdf
  peerbin push --downloads 5 --expires 1w *.jpg
  peerbin push --json report.pdf | jq -r .deleteUrl
  peerbin push --server https://share.example.org report.pdf`

/** What the edge answers to an upload; fields it may add are passed on in --json. */
const uploaded = z.looseObject({ url: z.string() })

export function addPushCommand(program: Command, context: CliContext): void {
  const command = program.command('push').summary('upload files, and print their links')
  command.description('Upload files, and print a link for each.').argument('<file...>', 'files to upload')
  addServerOption(command)
    .option(
      '-n, --downloads <number>',
      'how often the link works (default: 1, or what the server says)',
      wholeNumber(1, 10_000)
    )
    .option(
      '-e, --expires <duration>',
      'how long the link works: 90s, 30m, 2h, 2d, 1w (default: 2d, or what the server says)',
      parseExpiry
    )
    .option(
      '--json',
      'one JSON object a line: id, name, size, sha256, url, directUrl, deleteUrl, expiresAt, downloads'
    )
    .addHelpText('after', TEXT)
    .action((files: string[], options: PushOptions) => push(files, options, context))
}

function parseExpiry(text: string): number {
  const durationMs = parseDuration(text)
  if (durationMs < 1000) throw new InvalidArgumentError('A link lives for a second at least.')
  return durationMs
}

/** One after the other. A file that fails is reported and does not keep the others back; its exit code is kept. */
async function push(files: readonly string[], options: PushOptions, context: CliContext): Promise<void> {
  let failure: PeerbinError | undefined
  for (const file of files) {
    try {
      const answer = await pushFile(resolve(context.cwd, file), options, context)
      context.stdout.write(`${options.json === true ? JSON.stringify(answer) : answer.url}\n`)
    } catch (error) {
      if (files.length === 1 || context.interrupted.aborted) throw error
      const known = asPeerbinError(error)
      say(context, `${file}: ${known.message} (${known.code})`)
      failure ??= known
    }
  }
  if (failure !== undefined) throw new FailedQuietly(failure)
}

async function pushFile(
  path: string,
  options: PushOptions,
  context: CliContext
): Promise<z.output<typeof uploaded>> {
  await using file = await openFile(path)
  const hash = createHash('sha256')
  const progress = new Progress(context.stderr, context.clock, basename(path), file.sizeBytes)
  const source: FormFile = {
    name: basename(path),
    sizeBytes: file.sizeBytes,
    mediaType: 'application/octet-stream',
    bytes: (async function* () {
      let sentBytes = 0
      for await (const piece of file.read()) {
        hash.update(piece)
        yield piece
        sentBytes += piece.byteLength
        progress.update(sentBytes)
      }
    })()
  }
  const late = { name: 'sha256', sizeBytes: SHA256_HEX_LENGTH, value: () => hash.digest('hex') }
  const form = multipartForm(fieldsOf(options), source, late, context.random)
  try {
    const answer = await request({
      method: 'POST',
      url: new URL('upload', folderOf(options.server)),
      headers: {
        'content-type': form.contentType,
        'content-length': String(form.sizeBytes),
        accept: 'application/json'
      },
      body: form.body,
      signal: context.interrupted
    })
    if (answer.status !== 201) throw await failureOf(answer)
    const parsed = uploaded.safeParse(await readJson(answer))
    if (!parsed.success)
      throw new PeerbinError('protocol-violation', `${options.server.origin} is no peerbin edge`)
    return parsed.data
  } finally {
    progress.end()
  }
}

const fieldsOf = (options: PushOptions): Record<string, string> => ({
  ...(options.downloads === undefined ? {} : { downloads: String(options.downloads) }),
  ...(options.expires === undefined ? {} : { expires: String(Math.round(options.expires / 1000)) })
})

/** An edge may live below a path of a larger site. */
function folderOf(server: URL): URL {
  const url = new URL(server)
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url
}

interface OpenFile extends AsyncDisposable {
  readonly sizeBytes: number
  /** Exactly `sizeBytes` bytes. @throws `local-file` when the file is shorter or longer by now */
  read(): AsyncIterable<Uint8Array>
}

async function openFile(path: string): Promise<OpenFile> {
  try {
    const handle = await open(path, 'r')
    const stat = await handle.stat()
    if (!stat.isFile() || stat.size === 0) {
      await handle.close()
      throw stat.isFile()
        ? new PeerbinError('empty-file', `${path} is empty; there is nothing to share`)
        : new PeerbinError('local-file', `${path} is not a file`)
    }
    return {
      sizeBytes: stat.size,
      read: async function* () {
        let position = 0
        for (;;) {
          const { bytesRead, buffer } = await handle.read(
            Buffer.allocUnsafe(PIECE_BYTES),
            0,
            PIECE_BYTES,
            position
          )
          position += bytesRead
          if (position > stat.size || (bytesRead === 0 && position < stat.size))
            throw new PeerbinError('local-file', `${path} changed while it was sent`)
          if (bytesRead === 0) return
          yield buffer.subarray(0, bytesRead)
        }
      },
      [Symbol.asyncDispose]: () => handle.close()
    }
  } catch (error) {
    if (error instanceof PeerbinError) throw error
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    throw new PeerbinError('local-file', missing ? `${path} does not exist` : `cannot read ${path}`, {
      cause: error
    })
  }
}
