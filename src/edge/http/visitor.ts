/**
 * Who asks for `/download/{token}`: a program, which redeems by asking, or somebody who only looks. A guess, and only that: a
 * valid claim outranks it (docs/share-links.md), and a wrong guess costs a program one more request, never a person the link.
 */

import { formatOf, headerOf } from './accept.ts'
import type { RequestHeaders } from './accept.ts'

/** `program` redeems; the others are shown the page and spend nothing. */
export type Visitor = 'program' | 'browser' | 'prefetch' | 'preview'

/** Agents that fetch links on behalf of somebody who was sent one: chat programs, mail scanners, search engines. */
const PREVIEW_AGENTS = new RegExp(
  [
    'bot\\b',
    'bot/',
    'crawler',
    'spider',
    'preview',
    'unfurl',
    'scanner',
    'facebookexternalhit',
    'facebot',
    'slack',
    'whatsapp',
    'telegram',
    'discord',
    'mattermost',
    'rocket\\.chat',
    'skypeuripreview',
    'microsoft teams',
    'microsoft office',
    'ms-office',
    'iframely',
    'embedly',
    'vkshare',
    'viber',
    'snapchat',
    'pinterest',
    'tumblr',
    'mastodon',
    'pleroma',
    'synapse',
    'proofpoint',
    'barracuda',
    'mimecast',
    'google-safety',
    'google-pagerenderer',
    'apis-google',
    'mediapartners-google'
  ].join('|'),
  'i'
)

/** What a browser sends when a link is followed, or a page embeds one; a browser's own `fetch` says `cors` or `same-origin`. */
const BROWSER_MODES = new Set(['navigate', 'nested-navigate', 'no-cors', 'websocket'])

export function visitorOf(headers: RequestHeaders): Visitor {
  const purpose =
    headerOf(headers, 'sec-purpose') ?? headerOf(headers, 'purpose') ?? headerOf(headers, 'x-moz')
  if (purpose !== undefined && /prefetch|prerender|preview/i.test(purpose)) return 'prefetch'
  if (PREVIEW_AGENTS.test(headerOf(headers, 'user-agent') ?? '')) return 'preview'
  const mode = headerOf(headers, 'sec-fetch-mode')
  if (mode !== undefined && BROWSER_MODES.has(mode.toLowerCase())) return 'browser'
  // a script on a page of somebody else's must not be able to use up a link; programs that call themselves `cors` (fetch in Node) name no site
  if (headerOf(headers, 'sec-fetch-site')?.toLowerCase() === 'cross-site') return 'browser'
  return formatOf(headerOf(headers, 'accept')) === 'html' ? 'browser' : 'program'
}
