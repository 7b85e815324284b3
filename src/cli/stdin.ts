/** Standard input as commands see it. */

import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { asPeerbinError } from '../errors.ts'
import type { Input } from './context.ts'

/** Nothing that a command reads is longer. */
const INPUT_BYTES_MAX = 64 * 1024

export function processInput(
  stdin: NodeJS.ReadStream,
  stderr: NodeJS.WriteStream,
  interrupted: AbortSignal
): Input {
  return {
    isTTY: stdin.isTTY,
    readAll: () => readAll(stdin),
    ask: (question, isShown = false) => ask(question, isShown, stdin, stderr, interrupted)
  }
}

async function readAll(stdin: NodeJS.ReadStream): Promise<string> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of stdin as AsyncIterable<Buffer>) {
    pieces.push(piece)
    size += piece.byteLength
    if (size > INPUT_BYTES_MAX) break
  }
  return Buffer.concat(pieces).toString('utf8')
}

/** One line; of what must not be seen, with an output that swallows the echo of what is typed. */
async function ask(
  question: string,
  isShown: boolean,
  stdin: NodeJS.ReadStream,
  stderr: NodeJS.WriteStream,
  interrupted: AbortSignal
): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  stderr.write(question)
  const output = isShown ? stderr : nowhere
  const lines = createInterface({ input: stdin, output, terminal: true, historySize: 0 })
  // readline draws the line anew from its start
  if (isShown) lines.setPrompt(question)
  try {
    return await new Promise<string>((resolve, reject) => {
      const onAbort = (): void => reject(asPeerbinError(interrupted.reason, 'aborted'))
      interrupted.addEventListener('abort', onAbort, { once: true })
      if (interrupted.aborted) onAbort()
      lines.on('line', resolve)
      // Ctrl-D ends with nothing; Ctrl-C comes as a key while the terminal is read so
      lines.on('close', () => resolve(''))
      lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'))
    })
  } finally {
    lines.close()
    if (!isShown) stderr.write('\n')
  }
}
