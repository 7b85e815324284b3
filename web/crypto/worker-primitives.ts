/** Primitives whose work a worker does. */

import type { Primitives } from '../../src/encryption/primitives.ts'
import type { Answer, Bytes, Question } from './worker-messages.ts'
import workerUrl from './worker.ts?worker&url'

export interface WorkerPrimitives extends Primitives {
  readonly sha256: (bytes: Bytes) => Promise<Bytes>
}

class Asker {
  readonly #worker: Worker
  readonly #waiting = new Map<number, PromiseWithResolvers<Bytes | number>>()
  #next = 0

  constructor() {
    this.#worker = new Worker(workerUrl)
    this.#worker.addEventListener('message', (event: MessageEvent<Answer>) => {
      const { id, result, problem } = event.data
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (result === undefined) waiting?.reject(new Error(problem ?? 'no result'))
      else waiting?.resolve(result)
    })
    this.#worker.addEventListener('error', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the worker failed'))
      this.#waiting.clear()
    })
  }

  ask(question: Question): Promise<Bytes | number> {
    const id = this.#next++
    const waiting = Promise.withResolvers<Bytes | number>()
    this.#waiting.set(id, waiting)
    this.#worker.postMessage({ id, question })
    return waiting.promise
  }

  async bytes(question: Question): Promise<Bytes> {
    const result = await this.ask(question)
    if (typeof result === 'number') throw new Error('bytes were expected')
    return result
  }
}

export function startWorker(): WorkerPrimitives {
  const asker = new Asker()
  return {
    hkdf: (secret, info, lengthBytes) => asker.bytes({ what: 'hkdf', secret, info, lengthBytes }),
    async gcm(raw) {
      const key = await asker.ask({ what: 'key', raw })
      if (typeof key !== 'number') throw new Error('a key was expected')
      return {
        seal: (nonce, bytes) => asker.bytes({ what: 'seal', key, nonce, bytes }),
        // a copy: what is a view of something larger would go over whole
        open: (nonce, sealed) => asker.bytes({ what: 'open', key, nonce, bytes: sealed.slice() })
      }
    },
    randomBytes: (length) => globalThis.crypto.getRandomValues(new Uint8Array(length)),
    sha256: (bytes) => asker.bytes({ what: 'sha256', bytes })
  }
}
