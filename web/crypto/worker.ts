/** Cryptography beside the page, so that the page stays responsive: for plain HTTP, where browsers keep theirs back. One answer for each question, in any order. */

import { sha256 } from '@noble/hashes/sha2.js'
import { portable } from '../../src/encryption/portable.ts'
import type { Gcm } from '../../src/encryption/primitives.ts'
import type { Answer, Question, Bytes } from './worker-messages.ts'

const keys: Gcm[] = []

async function work(question: Question): Promise<Bytes | number> {
  switch (question.what) {
    case 'hkdf':
      return await portable.hkdf(question.secret, question.info, question.lengthBytes)
    case 'key':
      return keys.push(await portable.gcm(question.raw)) - 1
    case 'sha256':
      return new Uint8Array(sha256(question.bytes))
    case 'seal':
    case 'open': {
      const gcm = keys[question.key]
      if (gcm === undefined) throw new Error('no such key')
      return await gcm[question.what](question.nonce, question.bytes)
    }
  }
}

async function answer(id: number, question: Question): Promise<Answer> {
  try {
    return { id, result: await work(question) }
  } catch (error) {
    return { id, problem: String(error) }
  }
}

self.addEventListener('message', (event: MessageEvent<{ id: number; question: Question }>) => {
  void answer(event.data.id, event.data.question).then((message) => {
    self.postMessage(message, {
      transfer: message.result instanceof Uint8Array ? [message.result.buffer] : []
    })
  })
})
