/** What the server tells a page while it is open: the status of uploads, and, by ending, that the session has ended. */

import { ask } from './api.ts'

/** Several changes at once are one look at the server. */
const GATHER_MS = 300
/** Before a stream that the server refused is tried again. */
const AGAIN_MS = 30_000

/**
 * Listens while the page can be seen: browsers open few connections to one server, and pages in the background would take them all.
 * A stream that ends is opened again by the browser, or refused because the session has ended: then the page is left.
 */
export function listen(onChange: () => void): void {
  let source: EventSource | undefined
  let gathering: ReturnType<typeof setTimeout> | undefined
  let again: ReturnType<typeof setTimeout> | undefined
  const changed = (): void => {
    gathering ??= setTimeout(() => {
      gathering = undefined
      onChange()
    }, GATHER_MS)
  }
  const open = (): void => {
    clearTimeout(again)
    if (source !== undefined || document.hidden) return
    source = new EventSource('/api/events')
    source.addEventListener('message', changed)
    source.addEventListener('upload.status', changed)
    source.addEventListener('error', () => {
      // asking says whether the session is over: if so, the page is left
      void ask('/api/validate').catch(() => undefined)
      if (source?.readyState !== EventSource.CLOSED) return
      source = undefined
      again = setTimeout(open, AGAIN_MS)
    })
  }
  const close = (): void => {
    source?.close()
    source = undefined
    clearTimeout(again)
  }
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) close()
    else {
      open()
      changed()
    }
  })
  open()
}
