/**
 * Service worker that hands a download to the browser as it is decrypted: the page pushes, the browser pulls, and nothing is held but what is on its way. Only addresses below
 * its scope, /assets/saved/, come here; nothing else of the site does.
 */

import type { FromWorker, Offer, ToWorker } from './save-messages.ts'

// the types of a page and of a worker do not go together in one program: what is used of the latter is named here
interface WorkerScope {
  skipWaiting(): Promise<void>
  addEventListener(
    type: 'install',
    listener: (event: { waitUntil(work: Promise<unknown>): void }) => void
  ): void
  addEventListener(type: 'message', listener: (event: MessageEvent<unknown>) => void): void
  addEventListener(
    type: 'fetch',
    listener: (event: { request: Request; respondWith(response: Response): void }) => void
  ): void
}
const scope = self as unknown as WorkerScope

/** Offers that were not taken yet; a page makes one at a time. */
const offers = new Map<string, { offer: Offer; port: MessagePort }>()
const OFFERS_MAX = 20

const say = (port: MessagePort, message: FromWorker): void => port.postMessage(message)

function isOffer(message: unknown): message is Offer {
  return typeof message === 'object' && message !== null && 'path' in message
}

scope.addEventListener('install', (event) => event.waitUntil(scope.skipWaiting()))

scope.addEventListener('message', ({ data, ports: [port] }) => {
  // anything else only keeps this worker alive
  if (!isOffer(data) || port === undefined) return
  if (offers.size >= OFFERS_MAX) offers.clear()
  offers.set(data.path, { offer: data, port })
  say(port, 'ready')
})

scope.addEventListener('fetch', (event) => {
  const { pathname } = new URL(event.request.url)
  const found = offers.get(pathname)
  if (found === undefined) return
  offers.delete(pathname)
  event.respondWith(answer(found.offer, found.port))
})

function answer({ name, sizeBytes }: Offer, port: MessagePort): Response {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      port.addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
        if (data === 'close') controller.close()
        else if (data === 'abort') controller.error(new Error('the download was not whole'))
        else controller.enqueue(data)
      })
      port.start()
    },
    pull: () => say(port, 'pull'),
    cancel: () => say(port, 'cancelled')
  })
  return new Response(body, {
    headers: {
      'content-type': 'application/octet-stream',
      'content-length': String(sizeBytes),
      'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(name).replace(/['()*]/g, escaped)}`,
      'content-security-policy': "default-src 'none'; sandbox",
      'x-content-type-options': 'nosniff'
    }
  })
}

const escaped = (character: string): string => `%${character.charCodeAt(0).toString(16).toUpperCase()}`
