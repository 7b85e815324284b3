/** Where a password stands in a request: `X-Password`, `Authorization: Basic`, or a form's field. None of them ever reaches a log. */

import { cleanPassword } from '../../protocol/password.ts'
import { headerOf } from './accept.ts'
import type { RequestHeaders } from './accept.ts'

/** The header that programs send, with an upload as with a download. */
export const PASSWORD_HEADER = 'X-Password'

/**
 * Asks for the password: programs as RFC 7617 has it, so that `curl -u`, wget and others send it; any user name will do. A browser would open a window of its own for that, in
 * place of the page that asks, so it is given a scheme that it does not know.
 */
export const challengeFor = (forPerson: boolean): string =>
  forPerson ? `${PASSWORD_HEADER} realm="peerbin"` : 'Basic realm="peerbin", charset="UTF-8"'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** UTF-8, as nearly everybody sends it, or else ISO 8859-1, as older programs and scripts in browsers do. */
function textOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch {
    return Buffer.from(bytes).toString('latin1')
  }
}

/** The password of X-Password; undefined when there is none, or an empty one. @throws `invalid-field` */
export function passwordHeader(headers: RequestHeaders): string | undefined {
  const value = headerOf(headers, 'x-password')
  if (value === undefined || value === '') return undefined
  return cleanPassword(textOf(Buffer.from(value, 'latin1')), PASSWORD_HEADER) // Node reads headers so
}

/** The password of Basic credentials, whatever the user is called (RFC 7617). @throws `invalid-field` */
function basicPassword(headers: RequestHeaders): string | undefined {
  const base64 = /^Basic +([A-Za-z0-9+/_-]+=*) *$/i.exec(headerOf(headers, 'authorization') ?? '')?.[1]
  if (base64 === undefined) return undefined
  const pair = textOf(Buffer.from(base64, 'base64'))
  const password = pair.slice(pair.indexOf(':') + 1)
  if (!pair.includes(':') || password === '') return undefined
  return cleanPassword(password, 'Authorization')
}

/** What a recipient gives; the header before the credentials, since those may be meant for a proxy. @throws `invalid-field` */
export const givenPassword = (headers: RequestHeaders): string | undefined =>
  passwordHeader(headers) ?? basicPassword(headers)

/** A form's field; browsers send empty ones. @throws `invalid-field` */
export const formPassword = (text: string | undefined): string | undefined =>
  text === undefined || text === '' ? undefined : cleanPassword(text)
