/** Examples of a page of docs/: commands behind `$`, each with the JSON that it answers. */

import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'

export interface Example {
  /** For a shell; of several lines where it is continued. */
  readonly command: string
  /** What the page shows as the answer; undefined where it shows nothing. */
  readonly shown: string | undefined
}

const PROMPT = '    $ '

/** @param name of the page, `accounts.md` */
export function examplesOf(name: string): Example[] {
  const text = readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')
  const found: Array<{ command: string; shown: string[] }> = []
  let last: { command: string; shown: string[] } | undefined
  for (const line of text.split('\n')) {
    if (line.startsWith(PROMPT)) {
      last = { command: line.slice(PROMPT.length), shown: [] }
      found.push(last)
    } else if (last === undefined || !line.startsWith('    ')) last = undefined
    else if (last.command.endsWith('\\') && last.shown.length === 0) last.command += `\n${line}`
    else last.shown.push(line.trim())
  }
  return found.map(({ command, shown }) => ({
    command,
    shown: shown.length === 0 ? undefined : shown.join('')
  }))
}

/** What the shell writes behind each answer, with the status of the command. */
const END = '<<< end of an example: '

/** Only what these pages ask of it: `.a`, `.a[0].b`. */
const JQ =
  'let t="";process.stdin.on("data",d=>t+=d).on("end",()=>console.log(process.argv[2].slice(1).split(/[.[\\]]+/).filter(Boolean).reduce((v,k)=>v[k],JSON.parse(t))))'

export interface Answer {
  readonly text: string
  /** Of the command; curl fails when the server refuses. */
  readonly status: number
}

/** One shell for all examples, as a reader has it: later ones have the variables of earlier ones. */
export class Shell implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  #text = ''
  #heard = Promise.withResolvers<void>()

  constructor(variables: Readonly<Record<string, string>>) {
    this.#child = spawn('bash', [], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { PATH: process.env['PATH'] ?? '', ...variables }
    })
    const hear = (): void => {
      this.#heard.resolve()
      this.#heard = Promise.withResolvers()
    }
    this.#child.stdout.on('data', (piece: Buffer) => {
      this.#text += piece.toString()
      hear()
    })
    this.#child.on('close', hear)
    this.#write('set -u')
    this.#write('curl() { command curl --fail-with-body -sS --max-time 20 "$@"; }')
    this.#write(`jq() { ${JSON.stringify(process.execPath)} -e '${JQ}' -- "$@"; }`)
  }

  /** What the shell is to know from now on. */
  set(name: string, value: string): void {
    this.#write(`${name}='${value.replaceAll("'", String.raw`'\''`)}'`)
  }

  /** @param folder where it runs */
  async run(command: string, folder: string): Promise<Answer> {
    this.#write(`cd '${folder}'\n{ ${command}\n} </dev/null\nprintf '%s%s\\n' '${END}' $?`)
    const pattern = new RegExp(`${END}(\\d+)\n`)
    for (;;) {
      const found = pattern.exec(this.#text)
      if (found !== null) {
        const text = this.#text.slice(0, found.index)
        this.#text = ''
        return { text, status: Number(found[1]) }
      }
      if (this.#child.exitCode !== null) throw new Error(`the shell ended in ${command}`)
      await this.#heard.promise
    }
  }

  #write(line: string): void {
    this.#child.stdin.write(`${line}\n`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.end()
    if (this.#child.exitCode === null) await once(this.#child, 'close')
  }
}

/** What a page shows as JSON; undefined for what is shortened, or is none. */
export function jsonOf(text: string | undefined): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text ?? '') as Record<string, unknown>
  } catch {
    return undefined
  }
}

/** Whether an answer has the fields and types that are shown. Of lists the first elements are looked at, if there are any; null stands for whatever is told at times only. */
export function hasShape(found: unknown, shown: unknown): boolean {
  if (found === null || shown === null) return found !== undefined && shown !== undefined
  if (Array.isArray(found) && Array.isArray(shown))
    return found.length === 0 || shown.length === 0 || hasShape(found[0], shown[0])
  if (typeof found !== 'object' || typeof shown !== 'object') return typeof found === typeof shown
  const [a, b] = [found, shown].map((value) => new Map<string, unknown>(Object.entries(value)))
  const names = new Set([...(a?.keys() ?? []), ...(b?.keys() ?? [])])
  return [...names].every((name) => hasShape(a?.get(name), b?.get(name)))
}

/** Fields whose values are the same each time. */
export const STEADY = [
  'message',
  'username',
  'role',
  'state',
  'code',
  'status',
  'mode',
  'needed',
  'valid',
  'kind'
] as const
