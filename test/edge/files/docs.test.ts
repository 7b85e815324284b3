/** Every command of docs/files.md, and then of docs/history.md, as a reader would type it, in the order of the page. */

import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { examplesOf } from '../../docs/examples.ts'
import { testFolder } from '../../kit/test-folder.ts'
import { newAdmin, register } from '../accounts/accounts-kit.ts'
import { sampleBytes, startEdges } from '../edge-cluster.ts'

const run = promisify(execFile)
/** What the page sends, and what it does not make itself. */
const SOURCES = ['a.pdf', 'film.mp4']
const PRELUDE = 'curl() { command curl --fail-with-body -sS --max-time 30 "$@"; }\n'

/** Variables of the page, by what the first answer that has them says. */
const FOUND = {
  ID: /"file_id":"([^"]+)"/,
  UPLOAD: /^location: (.*\/files\/.*)\r$/im,
  SHARE: /"share":"([^"]+)"/
}

t.test('the commands of docs/files.md and docs/history.md do what they say', async (t) => {
  const edges = await startEdges(t)
  const { url } = edges
  const { token } = await register(url(), 'ada')
  const { token: admin } = await newAdmin(edges, 'the admin')
  const folder = testFolder(t)
  for (const [i, name] of SOURCES.entries()) writeFileSync(join(folder, name), sampleBytes(50_000, i))
  const commands = ['files.md', 'history.md'].flatMap(examplesOf).map(({ command }) => command)
  t.ok(commands.length >= 23, `${commands.length} commands`)
  const env: Record<string, string> = {
    PATH: process.env['PATH'] ?? '',
    HOST: url(),
    AUTH: `Authorization: Bearer ${token}`,
    TOKEN: token,
    ADMIN: admin
  }
  for (const [i, command] of commands.entries()) {
    const cwd = join(folder, String(i))
    mkdirSync(cwd)
    for (const name of SOURCES)
      if (new RegExp(`(?:[@<] ?|-T |%s )${name}`).test(command))
        copyFileSync(join(folder, name), join(cwd, name))
    let stdout = ''
    try {
      ;({ stdout } = await run('sh', ['-c', PRELUDE + command], { cwd, env }))
      t.pass(command)
    } catch (error) {
      t.error(error, command)
    }
    // what later commands go on with
    for (const [name, pattern] of Object.entries(FOUND)) {
      const value = pattern.exec(stdout)?.[1]
      if (value !== undefined) env[name] ??= value
    }
  }
})
