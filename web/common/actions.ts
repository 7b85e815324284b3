/**
 * What makes the pages of the server more comfortable: copying and withdrawing a link, times in the reader's own zone, a word when the download has
 * started. Every page works without. Texts come from attributes.
 */

import { announce, copyText } from './dom.ts'
import { startCountdowns } from './times.ts'

/** For so long a button says that it has done its work. */
const DONE_MS = 2500

const timers = new WeakMap<Element, ReturnType<typeof setTimeout>>()

async function copy(button: HTMLElement): Promise<void> {
  const field = document.getElementById(button.dataset['copy'] ?? '')
  if (!(field instanceof HTMLInputElement)) return
  const done = await copyText(field)
  const text = (done ? button.dataset['textDone'] : button.dataset['textFailed']) ?? ''
  const label = (button.dataset['label'] ??= button.textContent ?? '')
  button.textContent = text
  announce(button, text)
  clearTimeout(timers.get(button))
  timers.set(
    button,
    setTimeout(() => (button.textContent = label), DONE_MS)
  )
}

async function withdraw(button: HTMLButtonElement): Promise<void> {
  button.disabled = true
  // the page may be open under another name of the same server
  const url = new URL(button.dataset['withdraw'] ?? '', location.href)
  const response = await fetch(url.pathname + url.search, { method: 'DELETE' }).catch(() => undefined)
  const card = button.closest('.card')
  if (response?.ok !== true) {
    button.disabled = false
    announce(button, button.dataset['textFailed'] ?? '')
    return
  }
  announce(button, button.dataset['textDone'] ?? '')
  const place = card?.querySelector('[data-announce]')
  place?.classList.remove('visually-hidden')
  place?.classList.add('notice')
  card?.querySelector('.link')?.classList.add('dead')
  for (const element of card?.querySelectorAll('[data-copy], [data-withdraw]') ?? []) element.remove()
}

/** Shows what needs a script, and puts local times in place of UTC. */
function enhance(root: ParentNode): void {
  for (const button of root.querySelectorAll<HTMLElement>('[data-copy], [data-withdraw]'))
    button.hidden = false
  for (const time of root.querySelectorAll<HTMLTimeElement>('time[datetime]')) {
    const date = new Date(time.dateTime)
    if (Number.isNaN(date.getTime())) continue
    time.title = time.textContent?.trim() ?? ''
    time.textContent = date.toLocaleString(document.documentElement.lang, {
      dateStyle: 'long',
      timeStyle: 'short'
    })
  }
  startCountdowns(root)
}

function onClick(event: MouseEvent): void {
  const target = event.target instanceof Element ? event.target : undefined
  const button = target?.closest<HTMLButtonElement>('button[data-copy], button[data-withdraw]')
  if (button?.dataset['copy'] !== undefined) void copy(button)
  else if (button?.dataset['withdraw'] !== undefined) void withdraw(button)
  else target?.closest<HTMLInputElement>('input[data-select]')?.select()
}

/** Once for a page. Elements that are added later are announced by the event `peerbin:added`. */
export function startActions(): void {
  document.documentElement.classList.add('scripted')
  document.addEventListener('click', onClick)
  document.addEventListener('submit', (event) => {
    const form = event.target
    const text = form instanceof HTMLFormElement ? form.dataset['started'] : undefined
    if (form instanceof HTMLFormElement && text !== undefined) announce(form, text)
  })
  document.addEventListener('peerbin:added', (event) => {
    if (event.target instanceof Element) enhance(event.target)
  })
  enhance(document)
}
