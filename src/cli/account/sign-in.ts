/** What `peerbin login`, `register`, `logout` and `whoami` do. */

import { hasCode, PeerbinError } from '../../errors.ts'
import { say } from '../context.ts'
import type { CliContext } from '../context.ts'
import { askPassword, askTwice, namedPassword, passwordOfFile } from '../password/sources.ts'
import type { PasswordOptions } from '../password/sources.ts'
import { formatBytes } from '../progress.ts'
import { account, registration, said, signedIn, validated } from './answers.ts'
import { AccountApi } from './api.ts'
import { forgetCredential, readCredentials, serverKey, storeCredential } from './credentials.ts'
import { namedServer, openAccount, withoutAccount } from './session.ts'
import type { AccountOptions } from './session.ts'
import { localTime, shown, tell } from './tables.ts'

export interface LoginOptions extends AccountOptions, PasswordOptions {
  username?: string
  key?: boolean
}

/** @param url undefined: the server of the last time */
export async function login(url: URL | undefined, options: LoginOptions, context: CliContext): Promise<void> {
  const server = await serverOf(url, options, context)
  // before anything is typed: a file that cannot be used would leave a session that nobody has
  const before = (await readCredentials(context)).servers[serverKey(server)]
  warnInTheClear(server, context)
  if (options.key === true) return await storeToken(server, await keyOf(options, context), options, context)
  const username = await usernameOf(options, context)
  const password = (await namedPassword(options, context)) ?? (await askPassword('Password: ', context))
  const { access_token: token } = await withoutAccount(server, context).json(
    { method: 'POST', path: 'api/login', body: { username, password } },
    signedIn
  )
  await storeToken(server, token, options, context)
  // the one that this replaces would live on without anybody who has it
  if (before?.kind === 'session' && before.token !== token)
    await endSession(new AccountApi({ server, token: before.token, source: 'none' }, context))
}

export interface RegisterOptions extends AccountOptions, PasswordOptions {
  username?: string
  inviteFile?: string
}

export async function register(
  url: URL | undefined,
  options: RegisterOptions,
  context: CliContext
): Promise<void> {
  const server = await serverOf(url, options, context)
  await readCredentials(context)
  warnInTheClear(server, context)
  const api = withoutAccount(server, context)
  const { mode } = await api.json({ method: 'GET', path: 'api/registration' }, registration)
  if (mode === 'closed')
    throw new PeerbinError(
      'permission-denied',
      `nobody can sign up at ${server.origin} by themselves; ask an administrator for an account`
    )
  const username = await usernameOf(options, context)
  const invite = await inviteOf(options, mode, context)
  const password =
    (await namedPassword(options, context)) ?? (await askTwice(context, 'Password for the new account: '))
  const { access_token: token } = await api.json(
    {
      method: 'POST',
      path: 'api/register',
      body: { username, password, ...(invite === undefined ? {} : { invite }) }
    },
    signedIn
  )
  await storeToken(server, token, options, context)
}

async function inviteOf(
  options: RegisterOptions,
  mode: string,
  context: CliContext
): Promise<string | undefined> {
  if (options.inviteFile !== undefined)
    return await passwordOfFile(options.inviteFile, '--invite-file', context)
  const given = context.env['PEERBIN_INVITE'] ?? ''
  if (given !== '') return given
  if (mode !== 'invited') return undefined
  if (context.stdin.isTTY !== true)
    throw new PeerbinError('usage', 'an invitation is needed: give --invite-file, or PEERBIN_INVITE')
  return (await context.stdin.ask('Invitation: ')).trim()
}

export async function logout(
  url: URL | undefined,
  options: AccountOptions,
  context: CliContext
): Promise<void> {
  const server = url ?? options.server
  const api = await openAccount(server === undefined ? {} : { server }, context)
  const isStored = api.source === 'stored'
  const isKey = api.isKey
  // a key is for other programs as well: it ends when it is revoked
  if (!isKey) await endSession(api)
  if (isStored) await forgetCredential(api.server, context)
  const what = isKey
    ? 'the API key was forgotten here; `peerbin keys revoke` ends it everywhere'
    : 'signed out'
  tell(options, context, { server: api.server.href, ended: !isKey }, `${api.server.href}: ${what}`)
}

/** One that is over already is what was wanted. */
async function endSession(api: AccountApi): Promise<void> {
  try {
    await api.json({ method: 'POST', path: 'api/logout', body: {} }, said)
  } catch (error) {
    if (!hasCode(error, 'credentials-invalid', 'credentials-missing')) throw error
  }
}

export async function whoami(options: AccountOptions, context: CliContext): Promise<void> {
  const api = await openAccount(options, context)
  const session = await api.json({ method: 'GET', path: 'api/validate' }, validated)
  const me = await api.json({ method: 'GET', path: 'api/me' }, account)
  const { used_bytes: used, quota_bytes: quota } = me
  const space = `${formatBytes(used ?? 0)} used${quota === null || quota === undefined ? '' : ` of ${formatBytes(quota)}`}`
  const until = untilText(session.expires_at)
  tell(
    options,
    context,
    { server: api.server.href, ...me, expires_at: session.expires_at ?? null },
    `${shown(me.username)} (${me.role}) at ${api.server.href}; ${space}; ${api.isKey ? 'API key' : 'signed in'}${until}`
  )
}

/** Keeps a token once the server has said whose it is. */
async function storeToken(
  server: URL,
  token: string,
  options: AccountOptions,
  context: CliContext
): Promise<void> {
  const api = new AccountApi({ server, token, source: 'none' }, context)
  const session = await api.json({ method: 'GET', path: 'api/validate' }, validated)
  const { user_id: userId, username: name, expires_at: expiresAt = null } = session
  try {
    await storeCredential(
      server,
      { token, kind: api.isKey ? 'key' : 'session', userId, name, expiresAt },
      context
    )
  } catch (error) {
    if (!api.isKey) await endSession(api).catch(() => undefined) // the first error says what is wrong
    throw error
  }
  tell(
    options,
    context,
    { server: server.href, user_id: userId, username: name, role: session.role, expires_at: expiresAt },
    `signed in at ${server.href} as ${shown(name)} (${session.role})${untilText(expiresAt)}`
  )
}

const untilText = (expiresAt: string | null | undefined): string =>
  typeof expiresAt === 'string' ? ` until ${localTime(expiresAt)}` : ''

async function keyOf(options: LoginOptions, context: CliContext): Promise<string> {
  const key = ((await namedPassword(options, context)) ?? (await askPassword('API key: ', context))).trim()
  if (!/^pbk_[A-Za-z0-9_-]{20,200}$/.test(key))
    throw new PeerbinError(
      'usage',
      'that is no API key: one begins with pbk_; `peerbin keys create` makes it'
    )
  return key
}

async function usernameOf({ username }: { username?: string }, context: CliContext): Promise<string> {
  if (username !== undefined) return username
  if (context.stdin.isTTY !== true)
    throw new PeerbinError('usage', 'a name is needed, and there is no terminal to ask at: give --username')
  const name = (await context.stdin.ask('Name: ', true)).trim()
  if (name === '') throw new PeerbinError('usage', 'no name was given')
  return name
}

async function serverOf(url: URL | undefined, options: AccountOptions, context: CliContext): Promise<URL> {
  if (url !== undefined) return url
  const named = namedServer(options, context)
  if (named !== undefined) return named
  const { default: key } = await readCredentials(context)
  if (key !== null) return new URL(key)
  throw new PeerbinError('usage', 'give the address of your server: peerbin login https://files.example.org')
}

/** Passwords and tokens are worth as much as the connection keeps to itself. */
function warnInTheClear(server: URL, context: CliContext): void {
  const isHere = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(server.hostname)
  if (server.protocol === 'http:' && !isHere)
    say(context, `${server.origin} is not encrypted: whoever is on the way can read your password and files`)
}
