/** How what goes wrong is told over the socket. */

import type { z } from 'zod'
import type { PeerbinError } from '../../errors.ts'
import { detailOf } from '../problem.ts'
import type { error as errorMessage } from './messages.ts'

/** As RFC 6455 has it for an endpoint that goes away. */
const GOING_AWAY = 1001
/** Codes that programs may choose begin here: ours are the status that HTTP has for it, behind a 4. */
const FIRST = 4000

/** What a socket is closed with: 4401 for `credentials-invalid`, 4400 for what cannot be understood. */
export const closeCodeOf = ({ code, status }: PeerbinError): number =>
  code === 'shutting-down' ? GOING_AWAY : FIRST + status

const textDetail = (error: PeerbinError, name: string): Record<string, string> => {
  const value = error.details[name]
  return typeof value === 'string' ? { [name]: value } : {}
}

/** @param about what it answers, or which transfer has ended by it */
export const errorAnswer = (
  error: PeerbinError,
  about: { readonly re?: string | undefined; readonly channel?: number | undefined } = {}
): z.output<typeof errorMessage> => ({
  type: 'error',
  ...(about.re !== undefined && { re: about.re }),
  ...(about.channel !== undefined && { channel: about.channel }),
  code: error.code,
  error: detailOf(error),
  ...textDetail(error, 'field'),
  ...(error.code === 'offset-mismatch' &&
    typeof error.details['offset'] === 'number' && { offset: error.details['offset'] }),
  ...(error.code === 'cursor-expired' && {
    ...textDetail(error, 'oldest'),
    ...textDetail(error, 'newest')
  }),
  ...(error.retryAfterMs !== undefined && { retry_after_ms: Math.ceil(error.retryAfterMs) })
})
