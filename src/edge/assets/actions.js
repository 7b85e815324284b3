/* oxlint-disable typescript/no-unsafe-assignment, typescript/no-unsafe-call, typescript/no-unsafe-member-access, typescript/no-unsafe-return -- runs in browsers as it is, without types */
/**
 * What makes the pages more comfortable: copying and withdrawing a link, times in the reader's own zone, a word when the download has
 * started. Every page works without. Texts come from attributes.
 */

const announce = (near, text) => {
  const place = near.closest('.card')?.querySelector('[data-announce]')
  if (place) place.textContent = text
}

/** The clipboard needs a secure context; elsewhere the old way still works in most browsers. */
const copyText = async (field) => {
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(field.value)
    return true
  }
  field.focus()
  field.select()
  return document.execCommand('copy')
}

const copy = async (button) => {
  const field = document.getElementById(button.dataset.copy)
  // a refusal (permission, old browser) leaves the link selected, so that the keyboard can copy it
  const done = await copyText(field).catch(() => false)
  const text = done ? button.dataset.textDone : button.dataset.textFailed
  if (!done) {
    field.focus()
    field.select()
  }
  const label = button.dataset.label ?? button.textContent
  button.dataset.label = label
  button.textContent = text
  announce(button, text)
  clearTimeout(Number(button.dataset.timer))
  button.dataset.timer = String(setTimeout(() => (button.textContent = label), 2500))
}

const withdraw = async (button) => {
  button.disabled = true
  // the page may be open under another name of the same server
  const url = new URL(button.dataset.withdraw)
  const response = await fetch(url.pathname + url.search, { method: 'DELETE' }).catch(() => undefined)
  const done = response !== undefined && response.ok
  if (done) {
    const card = button.closest('.card')
    for (const element of card.querySelectorAll('[data-copy], [data-withdraw]')) element.remove()
    card.querySelector('.link')?.classList.add('dead')
    const place = card.querySelector('[data-announce]')
    place?.classList.remove('visually-hidden')
    place?.classList.add('notice')
  } else button.disabled = false
  announce(
    button.isConnected ? button : document.querySelector('.result .facts'),
    done ? button.dataset.textDone : button.dataset.textFailed
  )
}

/** Shows what needs a script, and puts local times in place of UTC. */
const enhance = (root) => {
  for (const button of root.querySelectorAll('[data-copy], [data-withdraw]')) button.hidden = false
  for (const time of root.querySelectorAll('time[datetime]')) {
    const date = new Date(time.dateTime)
    if (!Number.isNaN(date.getTime())) {
      time.title = time.textContent
      time.textContent = date.toLocaleString(document.documentElement.lang, {
        dateStyle: 'long',
        timeStyle: 'short'
      })
    }
  }
}

document.addEventListener('click', (event) => {
  const target = event.target instanceof Element ? event.target : undefined
  const button = target?.closest('[data-copy], [data-withdraw]')
  if (button?.dataset.copy) void copy(button)
  else if (button?.dataset.withdraw) void withdraw(button)
  else target?.closest('[data-select]')?.select()
})

document.addEventListener('submit', (event) => {
  const text = event.target.dataset.started
  if (text) announce(event.target, text)
})

document.addEventListener('peerbin:added', (event) => enhance(event.target))
enhance(document)
