/* oxlint-disable typescript/no-unsafe-assignment, typescript/no-unsafe-call, typescript/no-unsafe-member-access, typescript/no-unsafe-return -- runs in browsers as it is, without types */
/**
 * Keeps the sender's page up to date while somebody looks at it, and shows the link to share if the address of the page has its token behind the `#`. Without this script the
 * page has a link to load it again. Texts come with the answers.
 */

/** Pauses grow up to this many times the usual one while the server cannot be reached. */
const PAUSE_GROWTH_MAX = 10
const TOKEN = /^#[\w-]{24}$/

const path = location.pathname
let place = document.getElementById('sent')
const pollMs = Number(place.dataset.pollMs)
let failures = 0
let timer
let isAsking = false
let isOver = false

document.documentElement.classList.add('scripted')

const part = (name, root = place) => root.querySelector(`[data-part="${name}"]`)

/** Assigned only when it is another text, so that screen readers hear of changes alone. */
const say = (element, text) => {
  if (element.textContent !== text) element.textContent = text
}

const showTime = (element, at) => {
  if (element.dateTime === at) return
  element.dateTime = at
  element.textContent = at
  element.parentElement.dispatchEvent(new Event('peerbin:added', { bubbles: true }))
}

/** The token stays behind the `#` over the forms, too: it is sent to nobody. */
const showShare = () => {
  if (!TOKEN.test(location.hash)) return
  const share = part('share')
  share.querySelector('input').value = `${share.dataset.origin}/d/${location.hash.slice(1)}`
  share.hidden = false
  for (const form of place.querySelectorAll('[data-part="form"]')) form.action = path + location.hash
}

const showClaim = (item, claim) => {
  item.dataset.claim = claim.id
  item.dataset.outcome = claim.outcome
  say(part('title', item), claim.title)
  say(part('detail', item), claim.detail)
  const progress = item.querySelector('progress')
  progress.value = claim.bytesCovered
  progress.hidden = claim.outcome === 'given-back'
  showTime(part('claimed', item), claim.claimedAt)
  part('until', item).hidden = claim.servedUntil === null
  if (claim.servedUntil !== null) showTime(part('served', item), claim.servedUntil)
}

/** The newest stand first; one that is there already keeps its place and its element. */
const showClaims = (claims) => {
  const list = part('claims')
  const known = new Map([...list.children].map((item) => [item.dataset.claim, item]))
  const items = claims.map((claim) => {
    const item = known.get(claim.id) ?? part('template').content.firstElementChild.cloneNode(true)
    known.delete(claim.id)
    return { item, claim }
  })
  for (const item of known.values()) item.remove()
  for (const [index, { item, claim }] of items.entries()) {
    if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null)
    showClaim(item, claim)
  }
  part('none').hidden = claims.length > 0
}

/** Another state has other buttons and another preview: they come from the server, with what was open left open. */
const replace = async () => {
  const response = await fetch(path, { headers: { Accept: 'text/html' }, cache: 'no-store' })
  if (!response.ok) return location.reload()
  const fresh = new DOMParser().parseFromString(await response.text(), 'text/html').getElementById('sent')
  if (fresh === null) return location.reload()
  const open = [...place.querySelectorAll('details[open]')].map(({ id }) => id)
  const next = document.importNode(fresh, true)
  // the sentence that is read out stays where it is: one that comes with its element is not heard
  const status = part('status')
  const { textContent, dataset } = part('status', next)
  part('status', next).replaceWith(status)
  place.replaceWith(next)
  place = next
  say(status, textContent)
  status.dataset.activity = dataset.activity
  for (const details of place.querySelectorAll('details')) details.open = open.includes(details.id)
  place.dispatchEvent(new Event('peerbin:added', { bubbles: true }))
  showShare()
}

const show = async (answer) => {
  const { state, expires, revocable } = place.dataset
  if (answer.state !== state || answer.expiresAt !== expires || String(answer.revocable) !== revocable)
    await replace()
  const status = part('status')
  say(status, answer.message)
  status.dataset.activity = answer.activity
  const left = part('left')
  say(left, left.dataset.text.replace('{left}', answer.downloadsLeft))
  showClaims(answer.claims)
  part('stale').hidden = true
  // nothing more will happen
  isOver = !answer.revocable && answer.claims.every(({ servedUntil }) => servedUntil === null)
}

const ask = async () => {
  if (isAsking) return
  isAsking = true
  try {
    const response = await fetch(path, { headers: { Accept: 'application/json' }, cache: 'no-store' })
    // forgotten by now: the server has a page that says so
    if (response.status === 404) return location.reload()
    if (!response.ok) throw new Error(String(response.status))
    await show(await response.json())
    failures = 0
  } catch {
    failures++
    if (failures > 1) part('stale').hidden = false
  } finally {
    isAsking = false
    plan()
  }
}

/** Nobody is asked for a page that nobody sees. */
const plan = () => {
  clearTimeout(timer)
  if (document.hidden || isOver) return
  timer = setTimeout(() => void ask(), pollMs * Math.min(PAUSE_GROWTH_MAX, 2 ** failures))
}

showShare()
window.addEventListener('hashchange', showShare)
if (pollMs > 0) {
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && !isOver) void ask()
  })
  plan()
}
