/** Users of a test: they sign up, sign in, and ask the API for things. */

import { randomUUID } from 'node:crypto'
import type { EdgeCluster } from '../edge-cluster.ts'
import type { UserId } from '../../../src/types.ts'

export const PASSWORD = 'correct horse battery'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly json: Record<string, unknown>
}

export interface Asked {
  readonly token?: string | undefined
  readonly body?: unknown
  readonly headers?: Record<string, string>
  /** The answer has no end, unless it is an error: of others only the status is looked at. */
  readonly streams?: boolean
}

/** Asks the API; the answer is JSON, or bytes that nobody looks at. A form goes as it is. @param what `POST /api/login` */
export async function api(
  url: string,
  what: string,
  { token, body, headers, streams = false }: Asked = {}
): Promise<Answer> {
  const [method = 'GET', path = '/'] = what.split(' ')
  const isForm = body instanceof FormData
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && !isForm && { 'content-type': 'application/json' }),
      ...headers
    },
    ...(body !== undefined && { body: isForm ? body : JSON.stringify(body) })
  })
  if (streams && answer.ok) {
    await answer.body?.cancel()
    return { status: answer.status, headers: answer.headers, json: {} }
  }
  const bytes = await answer.text()
  const text = answer.headers.get('content-type')?.includes('json') === true ? bytes : ''
  return {
    status: answer.status,
    headers: answer.headers,
    json: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
  }
}

/** A field of an answer that must be text. */
export function textOf({ status, json }: Answer, field: string): string {
  const value = json[field]
  if (typeof value !== 'string') throw new Error(`${field} is missing in ${status} ${JSON.stringify(json)}`)
  return value
}

export interface User {
  readonly id: string
  readonly name: string
  readonly token: string
}

/** Signs up. */
export async function register(url: string, name: string): Promise<User> {
  const answer = await api(url, 'POST /api/register', { body: { username: name, password: PASSWORD } })
  return { id: textOf(answer, 'user_id'), name, token: textOf(answer, 'access_token') }
}

/** A further session of somebody. */
export const signIn = async (url: string, name: string, password = PASSWORD): Promise<string> =>
  textOf(await api(url, 'POST /api/login', { body: { username: name, password } }), 'access_token')

/** A key of somebody, for a program. */
export async function newKey(url: string, token: string, scopes: readonly string[]): Promise<string> {
  return textOf(await api(url, 'POST /api/me/keys', { token, body: { name: 'a program', scopes } }), 'key')
}

/** Makes an administrator, as `peerbin admin create` does, and signs in. */
export async function newAdmin({ cluster, edges, url }: EdgeCluster, name: string): Promise<User> {
  const operator = await cluster.client('admin')
  const record = await edges[0]?.passwords.record(PASSWORD)
  if (record === undefined) throw new Error('there is no edge')
  const id = randomUUID() as UserId
  await operator.controller.call('createAdmin', { id, name, password: record })
  return { id, name, token: await signIn(url(), name) }
}
