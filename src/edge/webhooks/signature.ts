/** Signing by the Standard Webhooks scheme (https://www.standardwebhooks.com): HMAC-SHA-256 over id, time and body, so that a receiver knows who sent it, and when. */

import { createHmac } from 'node:crypto'
import type { Random } from '../../interfaces.ts'

/** What secrets begin with, so that they can be found where they should not be. */
const PREFIX = 'whsec_'
/** The scheme asks for 24 to 64. */
const SECRET_BYTES = 32

/** A new secret as its owner sees it: `whsec_` and base64. */
export const newWebhookSecret = (random: Random): string =>
  `${PREFIX}${Buffer.from(random.bytes(SECRET_BYTES)).toString('base64')}`

const keyOf = (secret: string): Buffer => Buffer.from(secret.slice(PREFIX.length), 'base64')

export interface Signed {
  /** The event's, the same in every repeat: a receiver knows by it what it has had. */
  readonly id: string
  /** ms since the epoch; the header has seconds. */
  readonly at: number
  readonly body: string
}

/** @param secrets each signs; two while one takes over from the other */
export function signatureHeaders(
  secrets: readonly string[],
  { id, at, body }: Signed
): Record<string, string> {
  const seconds = String(Math.floor(at / 1000))
  const signatures = secrets.map((secret) => {
    const mac = createHmac('sha256', keyOf(secret)).update(`${id}.${seconds}.${body}`, 'utf8')
    return `v1,${mac.digest('base64')}`
  })
  return { 'webhook-id': id, 'webhook-timestamp': seconds, 'webhook-signature': signatures.join(' ') }
}
