/** A program that gets the file on its standard input, and says by its exit code what it thinks: 0 clean, 1 infected, anything else no verdict. */

import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { PeerbinError } from '../../errors.ts'
import { throwIfAborted } from '../../runtime/deadline.ts'
import { signatureOf } from './scanner.ts'
import type { ScanSession, Scanner, Verdict } from './scanner.ts'

/** Of what the program says, so much is kept. */
const OUTPUT_BYTES_MAX = 4096
const EXIT_CLEAN = 0
const EXIT_INFECTED = 1

type Child = ChildProcessByStdio<Writable, Readable, null>

export class CommandScanner implements Scanner {
  readonly #command: readonly string[]

  /** @param command program and arguments; no shell is involved */
  constructor(command: readonly string[]) {
    this.#command = command
  }

  async open(signal: AbortSignal): Promise<ScanSession> {
    throwIfAborted(signal)
    const [program = '', ...args] = this.#command
    // a group of its own, so that what the program starts ends with it
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'], detached: true })
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', reject)
    })
    return new CommandSession(child)
  }
}

class CommandSession implements ScanSession {
  readonly #child: Child
  readonly #ended: Promise<number | null>
  #output = ''
  /** The program reads no more: it may know enough already. */
  #isFull = false
  #isOver = false

  constructor(child: Child) {
    this.#child = child
    child.stdout.on('data', (bytes: Buffer) => {
      if (this.#output.length < OUTPUT_BYTES_MAX) this.#output += bytes.toString('latin1')
    })
    child.stdin.on('error', () => {
      this.#isFull = true
    })
    child.on('error', () => undefined) // its exit says enough
    this.#ended = new Promise((resolve) => {
      child.once('close', (code) => {
        this.#isOver = true
        resolve(code)
      })
    })
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#isFull || this.#isOver) return
    await new Promise<void>((resolve) => {
      this.#child.stdin.write(bytes, () => resolve()) // an error is the program's end, and that is waited for elsewhere
    })
  }

  async end(): Promise<Verdict> {
    this.#child.stdin.end()
    const code = await this.#ended
    if (code === EXIT_CLEAN) return { clean: true }
    if (code === EXIT_INFECTED) return { clean: false, signature: signatureOf(this.#output) }
    throw new PeerbinError('scanner-unavailable', `the scanner ended with ${code ?? 'a signal'}`)
  }

  abort(): void {
    if (this.#isOver) return
    this.#child.stdin.destroy()
    const { pid } = this.#child
    if (pid === undefined) return
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // it ended by itself just now
    }
  }
}
