/** Whether a request that changes something was made by a page of ours, or by no page at all. */

import { headerOf } from './accept.ts'
import type { RequestHeaders } from './accept.ts'

/**
 * Browsers say in Sec-Fetch-Site where a request comes from, but only over HTTPS and to this machine; elsewhere they name the page's origin. Our own pages are not named even
 * there: their Referrer-Policy makes of it `null`. So does a sandboxed page of somebody else's; what it posts to must be hard to guess as well.
 * @param hosts names of this server, with ports
 */
export function isSameOrigin(headers: RequestHeaders, hosts: readonly string[]): boolean {
  const site = headerOf(headers, 'sec-fetch-site')?.toLowerCase()
  if (site !== undefined) return site === 'same-origin' || site === 'none'
  const origin = headerOf(headers, 'origin')
  if (origin === undefined || origin === 'null') return true
  return URL.canParse(origin) && hosts.includes(new URL(origin).host)
}
