/** What `peerbin share`, `shares` and `unshare` do. */

import { PeerbinError } from '../../errors.ts'
import type { CliContext } from '../context.ts'
import { askTwice, namedPassword } from '../password/sources.ts'
import type { PasswordOptions } from '../password/sources.ts'
import { acceptAnswer } from '../push/answer.ts'
import { drawLink } from '../push/qr.ts'
import { said, shared, shareList } from './answers.ts'
import { findFile, idPath } from './find-file.ts'
import { openFiles } from './open-files.ts'
import { localTime, shown, tell, writeLines, writeTable } from './tables.ts'
import type { FileOptions } from './open-files.ts'

export interface ShareOptions extends FileOptions, PasswordOptions {
  downloads?: number
  expires?: number
  version?: number
  qr?: boolean
}

export async function share(path: string, options: ShareOptions, context: CliContext): Promise<void> {
  const { downloads, expires, version } = options
  const { api, owner } = await openFiles(options, context)
  const file = await findFile(api, path, owner)
  const password =
    options.askPassword === true ? await askTwice(context) : await namedPassword(options, context)
  const record = await api.json(
    {
      method: 'POST',
      path: idPath(file.file_id, '/share'),
      body: {
        ...(downloads !== undefined && { downloads }),
        ...(expires !== undefined && { expires: Math.round(expires / 1000) }),
        ...(password !== undefined && { password }),
        ...(version !== undefined && { version })
      }
    },
    shared
  )
  const wanted = { hasPassword: password !== undefined, isEncrypted: false, sha256: undefined }
  const answer = await acceptAnswer(record, wanted, api.server, context)
  tell(options, context, answer, answer.url)
  if (options.qr === true) drawLink(answer.url, context)
}

export async function shares(path: string, options: FileOptions, context: CliContext): Promise<void> {
  const { api, owner } = await openFiles(options, context)
  const file = await findFile(api, path, owner)
  const { shares: all } = await api.json({ method: 'GET', path: idPath(file.file_id, '/shares') }, shareList)
  if (options.json === true) return writeLines(context, all)
  writeTable(
    context,
    ['SHARE', 'STATE', 'LEFT', 'EXPIRES', 'PASSWORD', 'VERSION'],
    all.map((each) => [
      shown(each.share),
      shown(each.state),
      `${each.downloads_left ?? '?'} of ${each.downloads ?? '?'}`,
      typeof each.expires_at === 'string' ? localTime(each.expires_at) : '',
      each.password_required === true ? 'yes' : 'no',
      String(each.version ?? '')
    ])
  )
}

export interface UnshareOptions extends FileOptions {
  all?: boolean
}

export async function unshare(
  path: string,
  names: readonly string[],
  options: UnshareOptions,
  context: CliContext
): Promise<void> {
  if ((options.all === true) === names.length > 0)
    throw new PeerbinError(
      'usage',
      'name the links to withdraw as `peerbin shares` lists them, or give --all'
    )
  const { api, owner } = await openFiles(options, context)
  const file = await findFile(api, path, owner)
  const all = async (): Promise<string[]> => {
    const answer = await api.json({ method: 'GET', path: idPath(file.file_id, '/shares') }, shareList)
    return answer.shares
      .filter(({ state }) => state === 'live' || state === 'suspended')
      .map((each) => each.share)
  }
  for (const name of options.all === true ? await all() : names) {
    const { message } = await api.json(
      { method: 'DELETE', path: idPath(file.file_id, `/shares/${encodeURIComponent(name)}`) },
      said
    )
    tell(options, context, { file_id: file.file_id, share: name, message }, `${shown(name)}: withdrawn`)
  }
}
