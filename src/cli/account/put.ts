/** What `peerbin put` does. */

import { asPeerbinError, hasCode, PeerbinError } from '../../errors.ts'
import { sleep } from '../../runtime/deadline.ts'
import { say } from '../context.ts'
import type { CliContext } from '../context.ts'
import { FailedQuietly } from '../failed-quietly.ts'
import { isPassing, pauseMs } from '../http/retry.ts'
import { Progress } from '../progress.ts'
import { Content } from '../push/content.ts'
import { formUpload } from '../push/form-upload.ts'
import { LocalFiles } from '../push/local-files.ts'
import { TUS_BYTES_MIN } from '../push/push.ts'
import { below, Servers } from '../push/target.ts'
import { tusUpload } from '../push/tus-upload.ts'
import { said, stored } from './answers.ts'
import type { StoredAnswer } from './answers.ts'
import { asSentence } from './api.ts'
import type { AccountApi } from './api.ts'
import { destinationsOf } from './destinations.ts'
import type { Sent } from './destinations.ts'
import { idPath } from './find-file.ts'
import { openAccount } from './session.ts'
import type { AccountOptions } from './session.ts'
import { shown, tell } from './tables.ts'

/** Before the second try of a small file. */
const SMALL_PAUSE_MAX_MS = 10_000

export interface PutOptions extends AccountOptions {
  to?: string
  expires?: number
  meta?: Readonly<Record<string, string>>
  new?: boolean
}

/** Each file is a version of its own: one that fails does not keep the others back, and its exit code is kept. */
export async function put(args: readonly string[], options: PutOptions, context: CliContext): Promise<void> {
  if (args.includes('-'))
    throw new PeerbinError(
      'usage',
      'put sends files, whose length it knows: save standard input to one first'
    )
  const api = await openAccount(options, context)
  const all = await destinationsOf(args, options.to, context)
  let failure: PeerbinError | undefined
  for (const sent of all) {
    try {
      const answer = await putOne(sent, options, api, context)
      const { version, status } = answer
      const detail = [version === undefined ? '' : `version ${version}`, shown(status ?? '')]
      const text = detail.filter((each) => each !== '').join(', ')
      tell(options, context, { path: sent.path, ...answer }, `${shown(sent.path)} (${text})`)
    } catch (error) {
      const known = asPeerbinError(api.explained(error))
      if (all.length === 1 || context.interrupted.aborted || endsAll(known)) throw known
      say(context, `${shown(sent.path)}: ${known.message} (${known.code})`)
      failure ??= known
    }
  }
  if (failure !== undefined) throw new FailedQuietly(failure)
}

/** What the next file would meet as well. */
const endsAll = (error: PeerbinError): boolean =>
  hasCode(error, 'credentials-missing', 'credentials-invalid', 'permission-denied', 'server-unreachable')

async function putOne(
  { file, path }: Sent,
  options: PutOptions,
  api: AccountApi,
  context: CliContext
): Promise<StoredAnswer> {
  await using files = new LocalFiles([file])
  const content = new Content({ name: file.inBundle, isSingle: true, files: [file] }, files, undefined)
  const progress = new Progress(context.stderr, context.clock, shown(path), content.sizeBytes)
  const sending: Sending = { path, content, options, progress, api, context }
  try {
    const record = content.sizeBytes < TUS_BYTES_MIN ? await sendSmall(sending) : await sendTus(sending)
    return await accept(record, content.sha256, api)
  } finally {
    progress.end()
  }
}

interface Sending {
  readonly path: string
  readonly content: Content
  readonly options: PutOptions
  readonly progress: Progress
  readonly api: AccountApi
  readonly context: CliContext
}

/** In one request; what passes is left to an upload that goes on after breaks. */
async function sendSmall(sending: Sending): Promise<unknown> {
  const { path, content, options, progress, api, context } = sending
  const bytes = (async function* () {
    let sentBytes = 0
    for await (const piece of content.read(0)) {
      yield piece
      sentBytes += piece.byteLength
      progress.update(sentBytes)
    }
  })()
  const { sizeBytes } = content
  const file = { name: nameOf(path), sizeBytes, mediaType: 'application/octet-stream', bytes }
  const url = below(api.server, 'api/files/upload')
  try {
    return await formUpload(file, { path, ...termsOf(options) }, url, context, api.authorization)
  } catch (error) {
    if (context.interrupted.aborted || !isPassing(error)) throw error
    const waitMs = pauseMs(1, SMALL_PAUSE_MAX_MS, error)
    progress.note(waiting(error, waitMs))
    await sleep(context.clock, waitMs, context.interrupted)
    return await sendTus(sending)
  }
}

const sendTus = ({ path, content, options, progress, api, context }: Sending): Promise<unknown> =>
  tusUpload({
    content,
    metadata: { filename: nameOf(path), path, account: '1', ...termsOf(options) },
    headers: api.authorization,
    servers: new Servers([api.server]),
    context,
    onProgress: (sentBytes) => progress.update(sentBytes),
    onWait: (why, waitMs) => progress.note(waiting(why, waitMs))
  })

const waiting = (why: PeerbinError, waitMs: number): string =>
  `${asSentence(why.message)} Trying again in ${Math.ceil(waitMs / 1000)} s.`

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

const termsOf = ({ expires, meta, new: onlyNew }: PutOptions): Record<string, string> => ({
  ...(expires === undefined ? {} : { expires: String(Math.round(expires / 1000)) }),
  ...(meta === undefined ? {} : { metadata: JSON.stringify(meta) }),
  ...(onlyNew === true && { only_new: 'true' })
})

/** @throws `protocol-violation`; `checksum-mismatch` when the server has other bytes, which it is told to forget */
async function accept(record: unknown, sha256: string, api: AccountApi): Promise<StoredAnswer> {
  const parsed = stored.safeParse(record)
  if (!parsed.success)
    throw new PeerbinError('protocol-violation', `${api.server.origin} keeps no files of accounts`)
  const answer = parsed.data
  if (answer.sha256 === undefined || answer.sha256 === null || answer.sha256 === sha256) return answer
  const { file_id: id, version } = answer
  if (version !== undefined)
    await api
      .json({ method: 'DELETE', path: idPath(id, `/versions/${version}`) }, said)
      .catch(() => undefined) // the mismatch is what matters
  throw new PeerbinError('checksum-mismatch')
}
