/** Files of users, as the tests store and fetch them. */

import { api, textOf } from '../accounts/accounts-kit.ts'
import type { Answer } from '../accounts/accounts-kit.ts'

export interface FormOptions {
  /** Of the file; default: a.bin. */
  readonly name?: string
  readonly type?: string
  /** Fields before the file, and behind it. */
  readonly before?: Readonly<Record<string, string>>
  readonly after?: Readonly<Record<string, string>>
}

export function formOf(
  bytes: Uint8Array,
  { name = 'a.bin', type = '', before = {}, after = {} }: FormOptions = {}
): FormData {
  const form = new FormData()
  for (const [field, value] of Object.entries(before)) form.append(field, value)
  form.append('file', new Blob([new Uint8Array(bytes)], { type }), name)
  for (const [field, value] of Object.entries(after)) form.append(field, value)
  return form
}

/** Stores a file; the answer is whatever it is. */
export const store = async (
  url: string,
  token: string,
  bytes: Uint8Array,
  options: FormOptions = {}
): Promise<Answer> => await api(url, 'POST /api/files/upload', { token, body: formOf(bytes, options) })

/** Stores a file at a path, and answers its id. */
export const stored = async (url: string, token: string, bytes: Uint8Array, path: string): Promise<string> =>
  textOf(await store(url, token, bytes, { before: { path } }), 'file_id')

export interface Fetched {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Buffer
}

/** Downloads a file. @param query with its `?` */
export async function fetchFile(
  url: string,
  token: string,
  id: string,
  {
    headers = {},
    query = '',
    method = 'GET'
  }: { headers?: Record<string, string>; query?: string; method?: string } = {}
): Promise<Fetched> {
  const answer = await fetch(`${url}/api/files/download/${id}${query}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...headers }
  })
  return { status: answer.status, headers: answer.headers, bytes: Buffer.from(await answer.arrayBuffer()) }
}

/** `409 path-taken`; of an answer that is no refusal the status alone. */
export const codeOf = ({ status, json }: Answer): string =>
  typeof json['code'] === 'string' ? `${status} ${json['code']}` : String(status)

interface Listed {
  readonly files: ReadonlyArray<
    Readonly<Record<string, unknown>> & { readonly path: string; readonly file_id: string }
  >
  readonly folders: readonly string[]
  readonly next: string | null
}

/** One page. @param query without its `?` */
export async function list(url: string, token: string, query = ''): Promise<Listed> {
  const answer = await api(url, `GET /api/files/list?${query}`, { token })
  if (answer.status !== 200) throw new Error(`the list is ${codeOf(answer)}`)
  return answer.json as unknown as Listed
}

/** Paths on all pages, in order. */
export async function listAll(url: string, token: string, query = ''): Promise<string[]> {
  const paths: string[] = []
  let after = ''
  for (;;) {
    const page = await list(url, token, query + after)
    paths.push(...page.files.map(({ path }) => path))
    if (page.next === null) return paths
    after = `&after=${encodeURIComponent(page.next)}`
  }
}
