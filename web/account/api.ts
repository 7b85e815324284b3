/** Asks the JSON API, with the session of this browser. Whoever has none any more is led to signing in, and back. */

import { ERRORS } from '../../src/errors.ts'
import type { ErrorCode } from '../../src/errors.ts'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { texts } from '../../src/edge/texts.ts'

const words = accountTexts.common

/** Codes of a session that is not there or has ended. */
const SESSION_CODES: ReadonlySet<string> = new Set(['credentials-missing', 'credentials-invalid'])

/** Why something was not done, in words for a person. */
export class ApiError extends Error {
  /** `offline` when there was no answer. */
  readonly code: string
  readonly status: number
  readonly retryAfterS: number | undefined

  constructor(code: string, message: string, status = 0, retryAfterS?: number) {
    super(message)
    this.code = code
    this.status = status
    this.retryAfterS = retryAfterS
  }
}

export interface Asked {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly body?: object
  readonly signal?: AbortSignal
  /** A 401 is an answer like others, and no reason to leave the page. */
  readonly stays?: boolean
  /** Default: JSON. */
  readonly accept?: string
}

/**
 * The answer of a request. Its shape is that of docs/http.md: page and server are of the same build.
 * @throws ApiError; of a session that has ended nothing comes back: the page is left
 */
export async function ask<T>(path: string, asked: Asked = {}): Promise<T> {
  const response = await request(path, asked)
  return parsed(await orOffline(() => response.text(), asked.signal)) as T
}

/** The same, of an answer that is read as it comes. */
export async function request(path: string, asked: Asked): Promise<Response> {
  const { method = 'GET', body, signal, stays, accept = 'application/json' } = asked
  const headers = { accept, ...(body !== undefined && { 'content-type': 'application/json' }) }
  const sent = (): Promise<Response> =>
    fetch(path, {
      method,
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal !== undefined && { signal }),
      credentials: 'same-origin',
      cache: 'no-store'
    })
  const response = await orOffline(sent, signal)
  if (response.ok) return response
  const error = errorOf(response, await orOffline(() => response.text(), signal))
  if (stays !== true && SESSION_CODES.has(error.code)) {
    leaveForSignIn('expired')
    await new Promise<never>(() => undefined)
  }
  throw error
}

async function orOffline<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  try {
    return await work()
  } catch {
    signal?.throwIfAborted()
    throw new ApiError('offline', words.offline)
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const isCode = (code: unknown): code is ErrorCode => typeof code === 'string' && Object.hasOwn(ERRORS, code)

function errorOf(response: Response, text: string): ApiError {
  const problem = parsed(text)
  const [code, detail] =
    typeof problem === 'object' && problem !== null
      ? [Reflect.get(problem, 'code') as unknown, Reflect.get(problem, 'detail') as unknown]
      : []
  const after = Number(response.headers.get('retry-after') ?? NaN)
  const retryAfterS = Number.isFinite(after) ? after : undefined
  if (!isCode(code)) return new ApiError('internal', words.failed, response.status, retryAfterS)
  const hint = texts.error.hints[code]
  const said = typeof detail === 'string' && detail !== '' ? detail : ERRORS[code].text
  const message = hint === undefined || hint === said ? said : `${said} ${hint}`
  return new ApiError(code, message, response.status, retryAfterS)
}

/** What to say of something that was thrown. */
export const wordsOf = (error: unknown): string => (error instanceof ApiError ? error.message : words.failed)

export const isSessionOver = (code: string): boolean => SESSION_CODES.has(code)

/** Pages that signing in may lead to. */
const INSIDE = /^\/(?:my|admin|pools)(?:[/?#]|$)/

/** Why the page is being left, once it is: what fails from then on is no news. */
let leaving: 'expired' | 'out' | undefined

/** The session is about to be ended by whoever has it: what is cut off by that is not an end that has to be told. */
export function expectEnd(isExpected: boolean): void {
  leaving = isExpected ? 'out' : undefined
}

/** Leaves for the page of signing in, which leads back here. What it has to know stands behind the `#`: names of folders are for no server's log. */
export function leaveForSignIn(why: 'expired' | 'out'): void {
  if (leaving !== undefined && leaving !== why) return
  leaving = why
  const here = location.pathname + location.search
  const known = new URLSearchParams({ why, ...(why !== 'out' && INSIDE.test(here) && { next: here }) })
  location.replace(`/sign-in#${known.toString()}`)
}

/** Where signing in leads: back to where somebody came from, if that is a page of ours. */
export function pageAfterSignIn(): string {
  const next = new URLSearchParams(location.hash.slice(1)).get('next') ?? ''
  return INSIDE.test(next) ? next : '/my'
}

/** `?a=b`, without what is empty or undefined. */
export function queryOf(values: Record<string, string | number | boolean | undefined | null>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(values))
    if (value !== undefined && value !== null && value !== '') query.set(name, String(value))
  const text = query.toString()
  return text === '' ? '' : `?${text}`
}

/** One segment of a path. */
export const segment = (text: string | number): string => encodeURIComponent(text)
