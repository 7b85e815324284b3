/** Gives a file to the browser's own downloads while it is decrypted, through a service worker: nothing of it is kept in memory. */

import type { FromWorker, Offer } from './save-messages.ts'
import workerUrl from './save-worker.ts?worker&url'
import { ReceiverGone } from './sink.ts'
import type { Sink } from './sink.ts'

const SCOPE = '/assets/saved/'
/** Browsers end service workers that seem to do nothing; a message now and then tells them otherwise. */
const PING_MS = 10_000
/** So long the browser has to take the download. */
const START_MS = 15_000

/** Not on plain HTTP, and not in some private windows. */
export const canStream = (): boolean => window.isSecureContext && 'serviceWorker' in navigator

async function activeWorker(): Promise<ServiceWorker> {
  const registration = await navigator.serviceWorker.register(workerUrl, { scope: SCOPE })
  const coming = registration.installing ?? registration.waiting
  if (coming === null && registration.active !== null) return registration.active
  if (coming === null) throw new Error('no service worker')
  await new Promise<void>((resolve, reject) => {
    const look = (): void => {
      if (coming.state === 'activated') resolve()
      else if (coming.state === 'redundant') reject(new Error('the service worker was replaced'))
    }
    coming.addEventListener('statechange', look)
    look()
  })
  return coming
}

/** What the worker says, one after the other. */
class Line {
  readonly port: MessagePort
  #pulls = 0
  #isReady = false
  #isGone = false
  #waiting: (() => void) | undefined

  constructor(port: MessagePort) {
    this.port = port
    port.addEventListener('message', ({ data }: MessageEvent<FromWorker>) => {
      if (data === 'pull') this.#pulls++
      else if (data === 'cancelled') this.#isGone = true
      else this.#isReady = true
      this.#waiting?.()
    })
    port.start()
  }

  async ready(): Promise<void> {
    await this.#until(() => this.#isReady, START_MS)
  }

  /** Takes one pull. @throws ReceiverGone */
  async pulled(limitMs?: number): Promise<void> {
    await this.#until(() => this.#pulls > 0, limitMs)
    this.#pulls--
  }

  async #until(isTrue: () => boolean, limitMs?: number): Promise<void> {
    while (!isTrue()) {
      if (this.#isGone) throw new ReceiverGone()
      await new Promise<void>((resolve, reject) => {
        this.#waiting = resolve
        if (limitMs !== undefined) setTimeout(() => reject(new Error('the browser did not answer')), limitMs)
      })
    }
  }
}

/** Begins the browser's download. Rejects where that does not work; then nothing has begun. */
export async function streamSink(name: string, sizeBytes: number): Promise<Sink> {
  const worker = await activeWorker()
  const { port1, port2 } = new MessageChannel()
  const line = new Line(port1)
  const path = `${SCOPE}${crypto.randomUUID()}`
  worker.postMessage({ path, name, sizeBytes } satisfies Offer, [port2])
  await line.ready()
  const frame = document.createElement('iframe')
  frame.hidden = true
  frame.src = path
  document.body.append(frame)
  const pings = setInterval(() => worker.postMessage('ping'), PING_MS)
  const end = (): void => {
    clearInterval(pings)
    // not at once: some browsers end a download with its frame
    setTimeout(() => frame.remove(), PING_MS)
  }
  let isFirst = true
  return {
    write: async (bytes) => {
      await line.pulled(isFirst ? START_MS : undefined)
      isFirst = false
      // a copy, where it is part of something larger: what is transferred is gone here
      const own = bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice()
      line.port.postMessage(own, [own.buffer])
    },
    close: async () => {
      line.port.postMessage('close')
      end()
    },
    abort: async () => {
      line.port.postMessage('abort')
      end()
    }
  }
}
