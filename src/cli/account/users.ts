/** What `peerbin admin` does over HTTP, with the token of an administrator. */

import { hasCode, PeerbinError } from '../../errors.ts'
import { say } from '../context.ts'
import type { CliContext } from '../context.ts'
import { askTwice, namedPassword } from '../password/sources.ts'
import type { PasswordOptions } from '../password/sources.ts'
import { formatBytes } from '../progress.ts'
import { inviteList, newInvite, said, user as userSchema, userList } from './answers.ts'
import type { UserAnswer } from './answers.ts'
import type { AccountApi } from './api.ts'
import { pages } from './pages.ts'
import { openAccount } from './session.ts'
import type { AccountOptions } from './session.ts'
import { localTime, shown, tell, writeLines, writeTable } from './tables.ts'

const PAGE_USERS = 100

export interface UsersOptions extends AccountOptions {
  search?: string
}

export async function users(options: UsersOptions, context: CliContext): Promise<void> {
  const api = await openAccount(options, context)
  for await (const page of userPages(api, options.search)) {
    if (options.json === true) writeLines(context, page)
    else writeTable(context, ['NAME', 'ROLE', 'STATE', 'USED', 'QUOTA', 'CREATED', 'ID'], page.map(rowOf))
  }
}

const rowOf = (each: UserAnswer): string[] => [
  shown(each.username),
  shown(each.role),
  shown(each.state),
  typeof each.used_bytes === 'number' ? formatBytes(each.used_bytes) : '',
  typeof each.quota_bytes === 'number' ? formatBytes(each.quota_bytes) : 'none',
  each.created_at === null || each.created_at === undefined ? '' : localTime(each.created_at),
  shown(each.user_id)
]

const userPages = (
  api: AccountApi,
  search: string | undefined
): AsyncGenerator<UserAnswer[], void, undefined> =>
  pages(async (after) => {
    const { users: items, next } = await api.json(
      { method: 'GET', path: 'api/users', query: { search, after, limit: PAGE_USERS } },
      userList
    )
    return { items, next }
  })

const userPath = (id: string, rest = ''): string => `api/users/${encodeURIComponent(id)}${rest}`
export const USER_ID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i

/** What names are compared by, nearly: the server has the last word on who is who. */
const folded = (name: string): string => name.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC')

/** @param text a name, in whatever case, or an id @throws `user-unknown` */
export async function findUser(api: AccountApi, text: string): Promise<UserAnswer> {
  if (USER_ID.test(text)) {
    try {
      return await api.json({ method: 'GET', path: userPath(text) }, userSchema)
    } catch (error) {
      // a name may look like an id
      if (!hasCode(error, 'user-unknown', 'not-found')) throw error
    }
  }
  for await (const page of userPages(api, text)) {
    const found = page.find(({ username }) => folded(username) === folded(text))
    if (found !== undefined) return found
  }
  throw new PeerbinError('user-unknown', `there is no user ${shown(text)}; see \`peerbin admin users\``)
}

export interface AddUserOptions extends AccountOptions, PasswordOptions {
  role?: string
  quota?: number | 'default'
}

/** In whatever mode registration is. */
export async function addUser(name: string, options: AddUserOptions, context: CliContext): Promise<void> {
  const api = await openAccount(options, context)
  const { role, quota } = options
  const password =
    (await namedPassword(options, context)) ?? (await askTwice(context, `Password for ${shown(name)}: `))
  const body = {
    username: name,
    password,
    ...(role !== undefined && { role }),
    ...(typeof quota === 'number' && { quota_bytes: quota })
  }
  const made = await api.json({ method: 'POST', path: 'api/users', body }, userSchema)
  tell(options, context, made, `${shown(made.username)} (${shown(made.role)}) can sign in`)
}

export type UserChange = Readonly<{ state?: string; role?: string; quota_bytes?: number | null }>

export async function changeUser(
  name: string,
  change: UserChange,
  text: string,
  options: AccountOptions,
  context: CliContext
): Promise<void> {
  const api = await openAccount(options, context)
  const { user_id: id } = await findUser(api, name)
  const changed = await api.json({ method: 'PATCH', path: userPath(id), body: change }, userSchema)
  tell(options, context, changed, `${shown(changed.username)} ${text}`)
}

export interface ResetPasswordOptions extends AccountOptions, PasswordOptions {}

/** A password that somebody else set is one that its owner should change. */
export async function resetPassword(
  name: string,
  options: ResetPasswordOptions,
  context: CliContext
): Promise<void> {
  const api = await openAccount(options, context)
  const { user_id: id, username } = await findUser(api, name)
  const password =
    (await namedPassword(options, context)) ??
    (await askTwice(context, `New password for ${shown(username)}: `))
  const { message } = await api.json(
    { method: 'POST', path: userPath(id, '/password'), body: { new_password: password } },
    said
  )
  tell(
    options,
    context,
    { user_id: id, username, message },
    `${shown(username)} has a new password; all sessions and keys have ended`
  )
}

export interface InviteOptions extends AccountOptions {
  role?: string
  expires?: number
}

export async function createInvite(options: InviteOptions, context: CliContext): Promise<void> {
  const api = await openAccount(options, context)
  const { role, expires } = options
  const body = {
    ...(role !== undefined && { role }),
    ...(expires !== undefined && { expires_in: Math.round(expires / 1000) })
  }
  const answer = await api.json({ method: 'POST', path: 'api/invites', body }, newInvite)
  tell(options, context, answer, answer.invite_url)
  say(context, 'it makes one account, of whoever has it first; nobody can show it again')
}

export async function listInvites(options: AccountOptions, context: CliContext): Promise<void> {
  const api = await openAccount(options, context)
  const all = pages(async (after) => {
    const { invites: items, next } = await api.json(
      { method: 'GET', path: 'api/invites', query: { after } },
      inviteList
    )
    return { items, next }
  })
  for await (const page of all) {
    if (options.json === true) writeLines(context, page)
    else
      writeTable(
        context,
        ['INVITATION', 'ROLE', 'EXPIRES'],
        page.map((each) => [
          shown(each.invite_id),
          shown(each.role),
          each.expires_at === null || each.expires_at === undefined ? '' : localTime(each.expires_at)
        ])
      )
  }
}

export async function revokeInvite(id: string, options: AccountOptions, context: CliContext): Promise<void> {
  const api = await openAccount(options, context)
  const { message } = await api.json(
    { method: 'DELETE', path: `api/invites/${encodeURIComponent(id)}` },
    said
  )
  tell(options, context, { invite_id: id, message }, `${shown(id)}: withdrawn`)
}
