/** Examples of a page of docs/: commands behind `$`, each with the JSON that it answers. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'

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

/** Written between the answers. */
const MARK = '<<< end of an example >>>'

/** Only what these pages ask of it: `.a`, `.a[0].b`. */
const JQ =
  'let t="";process.stdin.on("data",d=>t+=d).on("end",()=>console.log(process.argv[2].slice(1).split(/[.[\\]]+/).filter(Boolean).reduce((v,k)=>v[k],JSON.parse(t))))'

/** Runs all commands in one shell, so that later ones have the variables of earlier ones. @returns what each wrote */
export async function runExamples(
  examples: readonly Example[],
  variables: Readonly<Record<string, string>>
): Promise<string[]> {
  const script = [
    'set -u',
    'curl() { command curl -sS --max-time 20 "$@"; }',
    `jq() { ${JSON.stringify(process.execPath)} -e '${JQ}' -- "$@"; }`,
    ...examples.flatMap(({ command }) => [command, `printf '%s' ${JSON.stringify(MARK)}`])
  ].join('\n')
  const child = spawn('bash', ['-c', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...variables }
  })
  const pieces: Buffer[] = []
  child.stdout.on('data', (piece: Buffer) => pieces.push(piece))
  await once(child, 'close')
  return Buffer.concat(pieces).toString().split(MARK).slice(0, -1)
}

/** The shape of a value: names of fields, and types; of lists that of their first element. */
export function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shapeOf(value[0])]
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, shapeOf(each)]))
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
