/* oxlint-disable typescript/no-unsafe-assignment, typescript/no-unsafe-call, typescript/no-unsafe-member-access, typescript/no-unsafe-return -- runs in browsers as it is, without types */
/**
 * The upload page with drop, paste, progress and cancel. Without this script the form sends itself. Texts come from the form's attributes;
 * the answer is the same HTML page that the plain form gets, of which the card or the message is taken over.
 */

const form = document.getElementById('upload')
const input = document.getElementById('file')
const drop = document.getElementById('drop')
const chosen = document.getElementById('chosen')
const problem = document.getElementById('problem')
const progress = document.getElementById('progress')
const meter = document.getElementById('meter')
const speed = document.getElementById('speed')
const announcer = document.getElementById('announce')
const send = document.getElementById('send')
const cancel = document.getElementById('cancel')
const result = document.getElementById('result')
const words = form.dataset

const maxBytes = Number(form.dataset.maxBytes)
/** Speed is averaged over this time, so that the time left does not jump. */
const WINDOW_MS = 5000
/** A screen reader hears of progress at most so often. */
const ANNOUNCE_MS = 10_000

let request

document.documentElement.classList.add('scripted')

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_all, key) => values[key] ?? '')

const sizeText = (bytes) => {
  const units = ['bytes', 'KB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(value < 99.95 ? 1 : 0)} ${units[unit]}`
}

const timeText = (seconds) => {
  if (seconds < 60) return `${Math.max(1, Math.ceil(seconds))} s`
  if (seconds < 3600) return `${Math.ceil(seconds / 60)} min`
  return `${Math.ceil(seconds / 3600)} h`
}

const showProblem = (text) => {
  problem.hidden = text === ''
  problem.textContent = text
  if (text !== '') problem.focus()
}

/** What is wrong with a file before it is sent; empty when nothing is. */
const check = (file) => {
  if (file.size === 0) return words.textEmpty
  if (file.size > maxBytes)
    return fill(words.textTooLarge, { size: sizeText(file.size), max: sizeText(maxBytes) })
  return ''
}

const showChosen = () => {
  const file = input.files[0]
  chosen.textContent =
    file === undefined ? '' : fill(words.textChosen, { name: file.name, size: sizeText(file.size) })
  drop.classList.toggle('has-file', file !== undefined)
  showProblem(file === undefined ? '' : check(file))
}

/** Files that were dropped or pasted go into the input, so that there is one place a file comes from. */
const take = (files) => {
  if (request !== undefined || files.length === 0) return
  if (files.length > 1) return showProblem(words.textOneFile)
  const transfer = new DataTransfer()
  transfer.items.add(files[0])
  input.files = transfer.files
  showChosen()
  if (problem.hidden) send.focus()
}

const isFolder = (item) => item.webkitGetAsEntry?.()?.isDirectory === true

let depth = 0
document.addEventListener('dragenter', (event) => {
  event.preventDefault()
  depth++
  drop.classList.add('over')
})
document.addEventListener('dragleave', () => {
  depth--
  if (depth <= 0) drop.classList.remove('over')
})
document.addEventListener('dragover', (event) => event.preventDefault())
document.addEventListener('drop', (event) => {
  event.preventDefault()
  depth = 0
  drop.classList.remove('over')
  if ([...event.dataTransfer.items].some(isFolder)) return showProblem(words.textFolder)
  take([...event.dataTransfer.files])
})

document.addEventListener('paste', (event) => {
  const inField =
    event.target instanceof Element && event.target.closest('input:not([type=file]), select, textarea')
  const files = [...event.clipboardData.files]
  const text = event.clipboardData.getData('text/plain')
  if (files.length > 0) take(files)
  else if (text !== '' && !inField) take([new File([text], words.textPastedName, { type: 'text/plain' })])
})

input.addEventListener('change', showChosen)

/** Shows how far it is; keeps the times of the last seconds to say how fast. */
const progressShower = () => {
  const marks = []
  let announcedAt = performance.now()
  return (sent, total) => {
    const now = performance.now()
    marks.push({ now, sent })
    while (marks.length > 2 && now - marks[0].now > WINDOW_MS) marks.shift()
    const percent = total === 0 ? 0 : Math.floor((100 * sent) / total)
    meter.value = percent
    if (sent >= total) {
      speed.textContent = words.textFinishing
      announcer.textContent = words.textFinishing
      return
    }
    const perSecond = ((sent - marks[0].sent) * 1000) / Math.max(1, now - marks[0].now)
    if (perSecond <= 0) return
    const text = fill(words.textSpeed, {
      percent,
      sent: sizeText(sent),
      total: sizeText(total),
      speed: sizeText(perSecond),
      left: timeText((total - sent) / perSecond)
    })
    speed.textContent = text
    if (now - announcedAt > ANNOUNCE_MS) {
      announcedAt = now
      announcer.textContent = text
    }
  }
}

const busy = (on) => {
  send.hidden = on
  cancel.hidden = !on
  progress.hidden = !on
  drop.classList.toggle('busy', on)
  for (const element of [input, ...form.querySelectorAll('.options input, .options select')])
    element.disabled = on
  if (on) {
    meter.removeAttribute('value')
    speed.textContent = words.textStarting
    announcer.textContent = words.textStarting
    cancel.focus()
  }
}

const finish = (text) => {
  request = undefined
  busy(false)
  announcer.textContent = ''
  if (text !== undefined) showProblem(text)
}

const onAnswer = (answer) => {
  const page = answer.response
  const card = page?.querySelector('.result')
  if (answer.status === 201 && card) {
    finish()
    showProblem('')
    form.hidden = true
    for (const element of document.querySelectorAll('main > h1, main > .lead, main > .shell'))
      element.hidden = true
    result.replaceChildren(document.importNode(card, true))
    result.dispatchEvent(new Event('peerbin:added', { bubbles: true }))
    result.querySelector('[data-focus]')?.focus()
    return
  }
  const message = page?.getElementById('problem')?.textContent || page?.querySelector('main p')?.textContent
  finish(message || words.textUnexpected)
}

const start = () => {
  const file = input.files[0]
  if (file === undefined) return
  const wrong = check(file)
  if (wrong !== '') return showProblem(wrong)
  const data = new FormData(form) // before the fields are disabled: disabled ones are left out
  const sending = new XMLHttpRequest()
  request = sending
  showProblem('')
  busy(true)
  const show = progressShower()
  sending.upload.addEventListener('progress', (event) => show(event.loaded, event.total))
  sending.addEventListener('load', () => onAnswer(sending))
  sending.addEventListener('error', () => finish(words.textNetwork))
  sending.addEventListener('abort', () => {
    finish(words.textCancelled)
    send.focus()
  })
  sending.open('POST', form.action)
  sending.responseType = 'document'
  sending.setRequestHeader('Accept', 'text/html')
  sending.send(data)
}

form.addEventListener('submit', (event) => {
  event.preventDefault()
  if (request === undefined) start()
})
cancel.addEventListener('click', () => request?.abort())
window.addEventListener('beforeunload', (event) => {
  if (request !== undefined) event.preventDefault()
})
// a page that comes back from the browser's history may still have its file
showChosen()
