/**
 * The user's tokens, one for each server, in `peerbin/credentials.json` of their config folder. Whoever reads that file is the user: it is written with mode 0600
 * into a folder of mode 0700, and one that others can read is not used.
 */

import { join } from 'node:path'
import { z } from 'zod'
import type { CliContext } from '../context.ts'
import { configFolder, readPrivate, writePrivate } from './private-file.ts'

const entry = z.object({
  /** What goes to the server as a bearer token: of a session that `login` began, or an API key. */
  token: z.string().min(1),
  kind: z.enum(['session', 'key']),
  userId: z.string(),
  name: z.string(),
  /** ISO 8601; null: it does not expire. */
  expiresAt: z.string().nullable()
})
export type Credential = z.output<typeof entry>

const schema = z.object({
  version: z.literal(1),
  /** A key of `servers`. */
  default: z.string().nullable(),
  servers: z.record(z.string(), entry)
})
export type Credentials = z.output<typeof schema>

const NONE: Credentials = { version: 1, default: null, servers: {} }

/** How a server is called in the file: its address without what does not count. An edge may live below a path. */
export const serverKey = (server: URL): string =>
  server.origin + (server.pathname.endsWith('/') ? server.pathname : `${server.pathname}/`)

/** `$XDG_CONFIG_HOME/peerbin/credentials.json`, or below `~/.config`. */
export const credentialsPath = (context: Pick<CliContext, 'env'>): string =>
  join(configFolder(context), 'credentials.json')

/** What is stored; nothing where there is no file. @throws `local-file` when it cannot be read, is not what it should be, or others can read or change it */
export async function readCredentials(context: Pick<CliContext, 'env'>): Promise<Credentials> {
  const advice = 'delete it, and run `peerbin login` again'
  return (await readPrivate(credentialsPath(context), schema, advice)) ?? NONE
}

/** Changes what is stored: all of it or nothing, whenever the machine fails. Of two processes at once the last one wins. @throws `local-file` */
export async function changeCredentials(
  context: Pick<CliContext, 'env' | 'random'>,
  change: (credentials: Credentials) => Credentials
): Promise<void> {
  const next = change(await readCredentials(context))
  await writePrivate(credentialsPath(context), next, context.random)
}

/** Stores a token, and makes its server the one that is meant where none is named. */
export const storeCredential = async (
  server: URL,
  credential: Credential,
  context: Pick<CliContext, 'env' | 'random'>
): Promise<void> =>
  await changeCredentials(context, ({ servers }) => ({
    version: 1,
    default: serverKey(server),
    servers: { ...servers, [serverKey(server)]: credential }
  }))

/** Forgets the token of a server; another server becomes the default when only one is left. */
export const forgetCredential = async (
  server: URL,
  context: Pick<CliContext, 'env' | 'random'>
): Promise<void> =>
  await changeCredentials(context, (before) => {
    const { [serverKey(server)]: _gone, ...servers } = before.servers
    const left = Object.keys(servers)
    const kept = before.default === serverKey(server) ? null : before.default
    return { version: 1, default: kept ?? (left.length === 1 ? (left[0] ?? null) : null), servers }
  })
