/** What an address of a webhook may look like. */

import { PeerbinError } from '../../errors.ts'
import { WEBHOOK_URL_LENGTH_MAX } from '../../protocol/limits.ts'
import { literalAddress } from './addresses.ts'
import type { AddressCheck } from './addresses.ts'

const refuse = (message: string): PeerbinError =>
  new PeerbinError('invalid-field', `url: ${message}`, { details: { field: 'url' } })

export interface TargetRules {
  readonly check: AddressCheck
  /** http is let through to anywhere. */
  readonly insecure: boolean
  /** There are networks that http is let through to. */
  readonly hasAllowed: boolean
}

/**
 * The address in its one form, or why it cannot be one. What a name leads to is looked at with every connection, since it changes; here only what will never do is told at once.
 * @throws `invalid-field`
 */
export function cleanTarget(text: string, { check, insecure, hasAllowed }: TargetRules): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined) throw refuse('a whole address is needed, such as https://example.org/hook')
  if (text.length > WEBHOOK_URL_LENGTH_MAX || url.href.length > WEBHOOK_URL_LENGTH_MAX)
    throw refuse(`an address of at most ${WEBHOOK_URL_LENGTH_MAX} characters is needed`)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw refuse('https is needed')
  if (url.username !== '' || url.password !== '')
    throw refuse('it must not hold a name or a password: what comes from here is known by its signature')
  if (url.hostname === '') throw refuse('it names no machine')
  url.hash = ''
  const literal = literalAddress(url)
  const standing = literal === undefined ? undefined : check(literal)
  if (standing === 'refused' || (literal === undefined && isLocalName(url.hostname) && !hasAllowed))
    throw refuse('this address is in a network that webhooks may not reach')
  const httpMay = insecure || (standing === undefined ? hasAllowed : standing === 'allowed')
  if (url.protocol === 'http:' && !httpMay) throw refuse('https is needed')
  return url.href
}

const isLocalName = (name: string): boolean => /(?:^|\.)localhost\.?$/i.test(name)
