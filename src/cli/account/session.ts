/** Which server a command means, and with which token: what is given, then the environment, then what `login` stored. */

import { Option } from 'commander'
import type { Command } from 'commander'
import { PeerbinError } from '../../errors.ts'
import { parseServer } from '../arguments.ts'
import type { CliContext } from '../context.ts'
import { AccountApi } from './api.ts'
import { readCredentials, serverKey } from './credentials.ts'

export interface AccountOptions {
  server?: URL
  json?: boolean
}

/** `--server` and `--json`. */
export const addAccountOptions = (command: Command, json = 'as JSON'): Command =>
  command
    .addOption(
      new Option(
        '--server <url>',
        'server of the account (default: PEERBIN_URL, or the one of the last `peerbin login`)'
      ).argParser(parseAccountServer)
    )
    .option('--json', json)

/** An address without what is no part of a server's: a password in it would end up in a file. */
export function parseAccountServer(text: string): URL {
  const url = parseServer(text)
  url.username = ''
  url.password = ''
  url.search = ''
  url.hash = ''
  return new URL(serverKey(url))
}

/** What the command line or the environment says. @throws commander's own error for what is no address */
export function namedServer(options: AccountOptions, { env }: Pick<CliContext, 'env'>): URL | undefined {
  const text = (env['PEERBIN_URL'] ?? '').trim()
  return options.server ?? (text === '' ? undefined : parseAccountServer(text))
}

/**
 * The account that a command works with.
 * @throws `credentials-missing` where nobody has signed in, saying what to do; `local-file` as readCredentials; `usage`
 */
export async function openAccount(options: AccountOptions, context: CliContext): Promise<AccountApi> {
  const named = namedServer(options, context)
  const given = (context.env['PEERBIN_TOKEN'] ?? '').trim()
  if (given !== '' && named !== undefined)
    return new AccountApi({ server: named, token: given, source: 'environment' }, context)
  const credentials = await readCredentials(context)
  const key = named === undefined ? credentials.default : serverKey(named)
  if (key === null) {
    const known = Object.keys(credentials.servers)
    throw new PeerbinError(
      'credentials-missing',
      given !== ''
        ? 'PEERBIN_TOKEN is given, but not for which server: set PEERBIN_URL, or give --server'
        : known.length > 0
          ? `name the server by --server or PEERBIN_URL: ${known.join(' or ')}`
          : 'you are not signed in: run `peerbin login URL`, with the address of your server'
    )
  }
  const server = new URL(key)
  if (given !== '') return new AccountApi({ server, token: given, source: 'environment' }, context)
  const credential = Object.hasOwn(credentials.servers, key) ? credentials.servers[key] : undefined
  if (credential === undefined)
    throw new PeerbinError(
      'credentials-missing',
      `you are not signed in at ${key}: run \`peerbin login ${key}\``
    )
  return new AccountApi({ server, token: credential.token, source: 'stored', credential }, context)
}

/** For requests that need no account: signing in, and up. */
export const withoutAccount = (server: URL, context: CliContext): AccountApi =>
  new AccountApi({ server, token: undefined, source: 'none' }, context)
