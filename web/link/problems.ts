/** What can stand in the way of a download, as the page tells it. */

import { ERRORS, hasCode } from '../../src/errors.ts'
import type { ErrorCode } from '../../src/errors.ts'
import { pageTexts } from '../../src/edge/page-texts.ts'
import { texts } from '../../src/edge/texts.ts'

/** The server said no. */
export class ServerProblem extends Error {
  readonly status: number
  /** Of src/errors.ts; undefined where something else answered, a proxy perhaps. */
  readonly code: ErrorCode | undefined
  readonly retryAfterS: number

  constructor(status: number, code: ErrorCode | undefined, retryAfterS: number) {
    super(code ?? String(status))
    this.status = status
    this.code = code
    this.retryAfterS = retryAfterS
  }

  /** Whether the same request may do better soon. */
  get isForNow(): boolean {
    return (
      this.status >= 500 ||
      this.status === 408 ||
      this.code === 'rate-limited' ||
      this.code === 'too-many-transfers'
    )
  }
}

const isCode = (code: unknown): code is ErrorCode => typeof code === 'string' && code in ERRORS

/** An answer that is no success, as an error. */
export async function problemOf(response: Response): Promise<ServerProblem> {
  const body: unknown = await response.json().catch(() => undefined)
  const code: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, 'code') : undefined
  const seconds = Number(response.headers.get('retry-after') ?? '0')
  return new ServerProblem(
    response.status,
    isCode(code) ? code : undefined,
    Number.isFinite(seconds) ? seconds : 0
  )
}

/** The page cannot show a download that goes on in any way but the browser's own, and that did not take it. */
export class SaveFailed extends Error {}

const words = pageTexts.link

/** Why, in a heading and a sentence. */
export function explain(error: unknown): { title: string; text: string; isFinal: boolean } {
  if (error instanceof ServerProblem && error.code !== undefined) {
    const { code } = error
    const title = texts.error.titles[code] ?? texts.error.otherTitle
    return { title, text: texts.error.hints[code] ?? ERRORS[code].text, isFinal: !ERRORS[code].retryable }
  }
  if (hasCode(error, 'encrypted-damaged', 'index-invalid'))
    return { title: words.damagedTitle, text: words.damaged, isFinal: false }
  return { title: texts.error.otherTitle, text: words.failed, isFinal: false }
}
