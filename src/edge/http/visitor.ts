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
    'facebookcatalog',
    'facebot',
    'meta-external',
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
    'googleother',
    'mediapartners-google',
    // how robots that go by no other name of these begin; programs that people run do not
    '^mozilla/5\\.0 \\(compatible;'
  ].join('|'),
  'i'
)

/** What a browser sends when a link is followed, or a page embeds one; a browser's own `fetch` says `cors` or `same-origin`. */
const BROWSER_MODES = new Set(['navigate', 'nested-navigate', 'no-cors', 'websocket'])

/** Where browsers say that nobody has asked for a page yet: Chromium and Firefox now, both before, old Firefox, Safari. */
const PURPOSE_HEADERS = ['sec-purpose', 'purpose', 'x-moz', 'x-purpose'] as const

/**
 * A browser's engine in the user agent. Mail scanners (Outlook's Safe Links) pretend to be Chrome and need not ask for HTML; what a real browser asks for by script says
 * so in Sec-Fetch-Mode and Sec-Fetch-Site.
 */
const BROWSER_AGENT = /^Mozilla\/[45]\.0 .*(?:AppleWebKit\/|Gecko\/|Trident\/|Presto\/|MSIE )/

export function visitorOf(headers: RequestHeaders): Visitor {
  for (const name of PURPOSE_HEADERS)
    if (/prefetch|prerender|preview/i.test(headerOf(headers, name) ?? '')) return 'prefetch'
  const agent = headerOf(headers, 'user-agent') ?? ''
  if (PREVIEW_AGENTS.test(agent)) return 'preview'
  const mode = headerOf(headers, 'sec-fetch-mode')
  if (mode !== undefined && BROWSER_MODES.has(mode.toLowerCase())) return 'browser'
  const isReal = mode !== undefined && headers['sec-fetch-site'] !== undefined
  if (!isReal && BROWSER_AGENT.test(agent)) return 'browser'
  // a script on a page of somebody else's must not be able to use up a link; programs that call themselves `cors` (fetch in Node) name no site
  if (headerOf(headers, 'sec-fetch-site')?.toLowerCase() === 'cross-site') return 'browser'
  return formatOf(headerOf(headers, 'accept')) === 'html' ? 'browser' : 'program'
}
