/**
 * Keeps the sender's page up to date while somebody looks at it, and shows the link to share if the address of the page has its token behind the `#` (and, of an encrypted one, its secret).
 * Without this script the page has a link to load it again. Texts come with the answers.
 */

import { startActions } from '../common/actions.ts'
import { say } from '../common/dom.ts'
import { linkOf } from './share-link.ts'

/** Pauses grow up to this many times the usual one while the server cannot be reached. */
const PAUSE_GROWTH_MAX = 10

/** What the server tells of a download; src/edge/sent-link.ts describes it. */
interface Claim {
  readonly id: string
  readonly outcome: string
  readonly title: string
  readonly detail: string
  readonly claimedAt: string
  readonly servedUntil: string | null
  readonly bytesCovered: number
}

interface Answer {
  readonly state: string
  readonly activity: string
  readonly message: string
  readonly expiresAt: string
  readonly downloadsLeft: number
  readonly revocable: boolean
  readonly claims: readonly Claim[]
}

const path = location.pathname
let place = document.getElementById('sent') ?? document.body
const pollMs = Number(place.dataset['pollMs'])
let failures = 0
let timer: ReturnType<typeof setTimeout> | undefined
let isAsking = false
let isOver = false

const part = <T extends HTMLElement = HTMLElement>(name: string, root: ParentNode = place): T | null =>
  root.querySelector<T>(`[data-part="${name}"]`)

const added = (element: Element | null): void => {
  element?.dispatchEvent(new Event('peerbin:added', { bubbles: true }))
}

function showTime(element: HTMLTimeElement | null, at: string): void {
  if (element === null || element.dateTime === at) return
  element.dateTime = at
  element.textContent = at
  added(element.parentElement)
}

/** What is behind the `#` stays there over the forms, too: it is sent to nobody. */
function showShare(): void {
  const share = part('share')
  const field = share?.querySelector('input')
  const link = linkOf(share?.dataset['origin'] ?? '', location.hash)
  if (share === null || !(field instanceof HTMLInputElement) || link === undefined) return
  field.value = link
  share.hidden = false
  for (const form of place.querySelectorAll<HTMLFormElement>('[data-part="form"]'))
    form.action = path + location.hash
}

function showClaim(item: HTMLElement, claim: Claim): void {
  item.dataset['claim'] = claim.id
  item.dataset['outcome'] = claim.outcome
  say(part('title', item), claim.title)
  say(part('detail', item), claim.detail)
  const progress = item.querySelector('progress')
  if (progress !== null) {
    progress.value = claim.bytesCovered
    progress.hidden = claim.outcome === 'given-back'
  }
  showTime(part<HTMLTimeElement>('claimed', item), claim.claimedAt)
  const until = part('until', item)
  if (until !== null) until.hidden = claim.servedUntil === null
  if (claim.servedUntil !== null) showTime(part<HTMLTimeElement>('served', item), claim.servedUntil)
}

function newItem(): HTMLElement | undefined {
  const copy = place.querySelector<HTMLTemplateElement>('template[data-part="template"]')?.content
  const item = copy?.firstElementChild?.cloneNode(true)
  return item instanceof HTMLElement ? item : undefined
}

/** The newest stand first; one that is there already keeps its place and its element. */
function showClaims(claims: readonly Claim[]): void {
  const list = part('claims')
  if (list === null) return
  const known = new Map(
    [...list.children]
      .filter((item) => item instanceof HTMLElement)
      .map((item) => [item.dataset['claim'], item])
  )
  const items: Array<{ item: HTMLElement; claim: Claim }> = []
  for (const claim of claims) {
    const item = known.get(claim.id) ?? newItem()
    known.delete(claim.id)
    if (item !== undefined) items.push({ item, claim })
  }
  for (const item of known.values()) item.remove()
  for (const [index, { item, claim }] of items.entries()) {
    if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null)
    showClaim(item, claim)
  }
  const none = part('none')
  if (none !== null) none.hidden = claims.length > 0
}

/** Another state has other buttons and another preview: they come from the server, with what was open left open. */
async function replace(): Promise<void> {
  const response = await fetch(path, { headers: { Accept: 'text/html' }, cache: 'no-store' })
  if (!response.ok) return location.reload()
  const fresh = new DOMParser().parseFromString(await response.text(), 'text/html').getElementById('sent')
  if (fresh === null) return location.reload()
  const open = [...place.querySelectorAll('details[open]')].map(({ id }) => id)
  const next = document.importNode(fresh, true)
  // the sentence that is read out stays where it is: one that comes with its element is not heard
  const status = part('status')
  const newStatus = part('status', next)
  if (status !== null && newStatus !== null) newStatus.replaceWith(status)
  place.replaceWith(next)
  place = next
  say(status, newStatus?.textContent ?? '')
  if (status !== null) status.dataset['activity'] = newStatus?.dataset['activity'] ?? ''
  for (const details of place.querySelectorAll('details')) details.open = open.includes(details.id)
  added(place)
  showShare()
}

async function show(answer: Answer): Promise<void> {
  const { state, expires, revocable } = place.dataset
  if (answer.state !== state || answer.expiresAt !== expires || String(answer.revocable) !== revocable)
    await replace()
  const status = part('status')
  say(status, answer.message)
  if (status !== null) status.dataset['activity'] = answer.activity
  const left = part('left')
  say(left, (left?.dataset['text'] ?? '{left}').replace('{left}', String(answer.downloadsLeft)))
  showClaims(answer.claims)
  setStale(false)
  // nothing more will happen
  isOver = !answer.revocable && answer.claims.every(({ servedUntil }) => servedUntil === null)
}

function setStale(isStale: boolean): void {
  const stale = part('stale')
  if (stale !== null) stale.hidden = !isStale
}

async function ask(): Promise<void> {
  if (isAsking) return
  isAsking = true
  try {
    const response = await fetch(path, { headers: { Accept: 'application/json' }, cache: 'no-store' })
    // forgotten by now: the server has a page that says so
    if (response.status === 404) return location.reload()
    if (!response.ok) throw new Error(String(response.status))
    await show((await response.json()) as Answer)
    failures = 0
  } catch {
    failures++
    if (failures > 1) setStale(true)
  } finally {
    isAsking = false
    plan()
  }
}

/** Nobody is asked for a page that nobody sees. */
function plan(): void {
  clearTimeout(timer)
  if (document.hidden || isOver) return
  timer = setTimeout(() => void ask(), pollMs * Math.min(PAUSE_GROWTH_MAX, 2 ** failures))
}

startActions()
showShare()
window.addEventListener('hashchange', showShare)
if (pollMs > 0) {
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && !isOver) void ask()
  })
  plan()
}
