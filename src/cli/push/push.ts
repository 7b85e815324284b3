/** What `peerbin push` does. */

import { deriveLinkKeys, newLinkSecret } from '../../encryption/link-keys.ts'
import type { LinkKeys } from '../../encryption/link-keys.ts'
import { ENCRYPTION } from '../../encryption/scheme.ts'
import { webCrypto } from '../../encryption/web-crypto.ts'
import { asPeerbinError, PeerbinError } from '../../errors.ts'
import { hashSecret } from '../../protocol/secrets.ts'
import type { PushOptions } from '../commands/push.ts'
import { say } from '../context.ts'
import type { CliContext } from '../context.ts'
import { FailedQuietly } from '../failed-quietly.ts'
import { askTwice, namedPassword } from '../password/sources.ts'
import { Progress } from '../progress.ts'
import { acceptAnswer } from './answer.ts'
import type { Uploaded } from './answer.ts'
import { Content } from './content.ts'
import { formUpload, isNobody } from './form-upload.ts'
import { LocalFiles } from './local-files.ts'
import { drawLink } from './qr.ts'
import { selectFiles } from './selection.ts'
import type { Selection } from './selection.ts'
import { below, Servers } from './target.ts'
import { tusUpload } from './tus-upload.ts'

/** One plain file below this goes in one request; what is larger is worth going on with after a break. Four chunks. */
export const TUS_BYTES_MIN = 16 * 1024 * 1024

/** One link for all, or with `--each` one for each: then one that fails is reported and does not keep the others back; its exit code is kept. */
export async function push(
  files: readonly string[],
  options: PushOptions,
  context: CliContext
): Promise<void> {
  if (files.includes('-'))
    throw new PeerbinError(
      'usage',
      'push sends files, whose length it knows: for standard input use curl -T - SERVER/NAME, or save it first'
    )
  const password =
    options.askPassword === true ? await askTwice(context) : await namedPassword(options, context)
  const groups = options.each === true ? files.map((file) => [file]) : [files]
  let failure: PeerbinError | undefined
  for (const group of groups) {
    try {
      const answer = await pushGroup(group, options, password, context)
      context.stdout.write(`${options.json === true ? JSON.stringify(answer) : answer.url}\n`)
      if (options.qr === true) drawLink(answer.url, context)
    } catch (error) {
      if (groups.length === 1 || context.interrupted.aborted) throw error
      const known = asPeerbinError(error)
      say(context, `${group.join(' ')}: ${known.message} (${known.code})`)
      failure ??= known
    }
  }
  if (failure !== undefined) throw new FailedQuietly(failure)
}

async function pushGroup(
  group: readonly string[],
  options: PushOptions,
  password: string | undefined,
  context: CliContext
): Promise<Uploaded> {
  const selection = await selectFiles(group, {
    cwd: context.cwd,
    name: options.name,
    onSkipped: (text) => say(context, text)
  })
  await using files = new LocalFiles(selection.files)
  const secret = options.encrypt === true ? newLinkSecret(webCrypto) : undefined
  const keys = secret === undefined ? undefined : await deriveLinkKeys(secret, webCrypto)
  const content = new Content(selection, files, keys)
  const terms = termsOf(options, password)
  const servers = new Servers(options.server)
  const progress = new Progress(context.stderr, context.clock, selection.name, content.sizeBytes)
  const sending: Sending = { selection, content, keys, terms, servers, progress, context }
  try {
    const isSmall = keys === undefined && selection.isSingle && content.sizeBytes < TUS_BYTES_MIN
    const record = isSmall ? await sendForm(sending) : await sendTus(sending)
    const answer = await acceptAnswer(
      record,
      {
        hasPassword: password !== undefined,
        isEncrypted: keys !== undefined,
        sha256: isSmall ? undefined : content.sha256
      },
      servers.current,
      context
    )
    return {
      ...answer,
      encryption: keys === undefined ? null : ENCRYPTION,
      entries: selection.files.length,
      // of an encrypted file the server knows neither
      ...(secret !== undefined && {
        name: selection.name,
        size: files.sizeBytes,
        url: `${answer.url}#${secret}`
      })
    }
  } finally {
    progress.end()
  }
}

interface Sending {
  readonly selection: Selection
  readonly content: Content
  readonly keys: LinkKeys | undefined
  readonly terms: Readonly<Record<string, string>>
  readonly servers: Servers
  readonly progress: Progress
  readonly context: CliContext
}

/** In one request, at the first server that can be reached. */
async function sendForm({
  selection,
  content,
  terms,
  servers,
  progress,
  context
}: Sending): Promise<unknown> {
  for (let tried = 1; ; tried++) {
    const bytes = (async function* () {
      let sentBytes = 0
      for await (const piece of content.read(0)) {
        yield piece
        sentBytes += piece.byteLength
        progress.update(sentBytes)
      }
    })()
    const { sizeBytes } = content
    const file = { name: selection.name, sizeBytes, mediaType: 'application/octet-stream', bytes }
    try {
      return await formUpload(file, terms, below(servers.current, 'upload'), context)
    } catch (error) {
      if (!isNobody(error) || tried >= servers.count) throw error
      servers.next()
    }
  }
}

async function sendTus(sending: Sending): Promise<unknown> {
  const { selection, content, keys, terms, servers, progress, context } = sending
  const metadata = {
    ...terms,
    ...(keys === undefined
      ? { filename: selection.name }
      : { encryption: ENCRYPTION, proofhash: hashSecret(keys.proof) }),
    ...(content.indexBytes > 0 && { indexbytes: String(content.indexBytes) })
  }
  return await tusUpload({
    content,
    metadata,
    servers,
    context,
    onProgress: (sentBytes) => progress.update(sentBytes),
    onWait: (why, waitMs) =>
      progress.note(
        `${why.message}; trying ${servers.count === 1 ? 'again' : servers.current.origin}${soon(waitMs)}`
      )
  })
}

const soon = (waitMs: number): string => (waitMs === 0 ? '' : ` in ${Math.ceil(waitMs / 1000)} s`)

const termsOf = (options: PushOptions, password: string | undefined): Record<string, string> => ({
  ...(password === undefined ? {} : { password }),
  ...(options.downloads === undefined ? {} : { downloads: String(options.downloads) }),
  ...(options.expires === undefined ? {} : { expires: String(Math.round(options.expires / 1000)) })
})
