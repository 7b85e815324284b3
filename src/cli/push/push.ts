/** What `peerbin push` does. */

import { createHash } from 'node:crypto'
import { basename, resolve } from 'node:path'
import { z } from 'zod'
import { asPeerbinError, PeerbinError } from '../../errors.ts'
import type { PushOptions } from '../commands/push.ts'
import { say } from '../context.ts'
import type { CliContext } from '../context.ts'
import { FailedQuietly } from '../failed-quietly.ts'
import { multipartForm } from '../http/multipart.ts'
import type { FormFile } from '../http/multipart.ts'
import { failureOf, readJson, request } from '../http/request.ts'
import { askTwice, namedPassword } from '../password/sources.ts'
import { Progress } from '../progress.ts'
import { drawLink } from './qr.ts'
import { openSource } from './source-file.ts'

const SHA256_HEX_LENGTH = 64

/**
 * What the edge answers to an upload; fields it may add are passed on in --json. The address is printed as it comes, so it must be one: no blanks, and nothing that
 * moves a terminal's cursor.
 */
const uploaded = z.looseObject({
  url: z.string().regex(/^[\x21-\x7E]+$/),
  deleteUrl: z.string().optional(),
  passwordRequired: z.boolean().optional()
})

/** One after the other. A file that fails is reported and does not keep the others back; its exit code is kept. */
export async function push(
  files: readonly string[],
  options: PushOptions,
  context: CliContext
): Promise<void> {
  const password =
    options.askPassword === true ? await askTwice(context) : await namedPassword(options, context)
  let failure: PeerbinError | undefined
  for (const file of files) {
    try {
      const answer = await pushFile(resolve(context.cwd, file), options, password, context)
      context.stdout.write(`${options.json === true ? JSON.stringify(answer) : answer.url}\n`)
      if (options.qr === true) drawLink(answer.url, context)
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
  password: string | undefined,
  context: CliContext
): Promise<z.output<typeof uploaded>> {
  await using file = await openSource(path)
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
  const form = multipartForm(fieldsOf(options, password), source, late, context.random)
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
    // an edge of an earlier version passes over a field that it does not know
    if (password !== undefined && parsed.data.passwordRequired !== true) {
      await withdraw(parsed.data, context)
      throw new PeerbinError(
        'protocol-violation',
        `${options.server.origin} made a link without the password; it was withdrawn`
      )
    }
    return parsed.data
  } finally {
    progress.end()
  }
}

/** A link that must not be used by anybody. @throws `protocol-violation` when that cannot be seen to */
async function withdraw({ deleteUrl }: z.output<typeof uploaded>, context: CliContext): Promise<void> {
  const url = deleteUrl === undefined || !URL.canParse(deleteUrl) ? undefined : new URL(deleteUrl)
  const answer =
    url === undefined
      ? undefined
      : await request({ method: 'DELETE', url, signal: context.interrupted }).catch(() => undefined) // told below
  answer?.body.resume()
  if (answer?.status !== 204)
    throw new PeerbinError(
      'protocol-violation',
      'the server made a link without the password, and it could not be withdrawn'
    )
}

const fieldsOf = (options: PushOptions, password: string | undefined): Record<string, string> => ({
  ...(password === undefined ? {} : { password }),
  ...(options.downloads === undefined ? {} : { downloads: String(options.downloads) }),
  ...(options.expires === undefined ? {} : { expires: String(Math.round(options.expires / 1000)) })
})

/** An edge may live below a path of a larger site. */
function folderOf(server: URL): URL {
  const url = new URL(server)
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url
}
