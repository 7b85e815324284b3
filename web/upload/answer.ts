/** What an upload ends with, and how the server says no. */

import type { ErrorCode } from '../../src/errors.ts'
import { ERRORS } from '../../src/errors.ts'
import { texts } from '../../src/edge/texts.ts'

/** What the sender gets. */
export interface UploadDone {
  /** Without the secret. */
  readonly link: string
  readonly deleteUrl: string
  readonly senderUrl: string
  /** ISO 8601. */
  readonly expiresAt: string
}

/** The server refused; asking again the same way is of no use. */
export class Refused extends Error {
  readonly code: string

  /** @param message for a person */
  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

const isCode = (code: unknown): code is ErrorCode => typeof code === 'string' && code in ERRORS

/** An answer's problem+json as an error with words for a person. @param fallback what to say when it is none */
export function refusedBy(body: string, fallback: string): Refused {
  let code: unknown
  let detail: unknown
  try {
    const problem: unknown = JSON.parse(body)
    if (typeof problem === 'object' && problem !== null) {
      code = Reflect.get(problem, 'code')
      detail = Reflect.get(problem, 'detail')
    }
  } catch {
    // a proxy's page, or nothing
  }
  if (!isCode(code)) return new Refused('internal', fallback)
  const hint = texts.error.hints[code]
  const text = typeof detail === 'string' && detail !== '' ? detail : ERRORS[code].text
  return new Refused(code, hint === undefined ? text : `${text} ${hint}`)
}
