/** The examples of the pages about accounts, files, the history and events, as a reader would type them, from the top of each page to its end: they do what is shown. */

import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { newAdmin, register } from '../edge/accounts/accounts-kit.ts'
import { sampleBytes, startEdges } from '../edge/edge-cluster.ts'
import { testFolder } from '../kit/test-folder.ts'
import { STEADY, Shell, examplesOf, hasShape, jsonOf } from './examples.ts'

/** The last one signs the administrator out. */
const PAGES = ['files.md', 'history.md', 'events.md', 'accounts.md']
/** What the pages send, and do not make themselves. */
const SOURCES = ['a.pdf', 'film.mp4']

/** Variables of the pages, by what the first answer that has them says. */
const FOUND = {
  ID: /"file_id":"([^"]+)"/,
  UPLOAD: /^location: (.*\/files\/.*)\r$/im,
  SHARE: /"share":"([^"]+)"/
}

t.test('every example answers as it is shown', async (t) => {
  const edges = await startEdges(t)
  const { token } = await register(edges.url(), 'ann')
  const { token: admin } = await newAdmin(edges, 'the admin')
  const folder = testFolder(t)
  for (const [i, name] of SOURCES.entries()) writeFileSync(join(folder, name), sampleBytes(50_000, i))
  const variables = { HOST: edges.url(), AUTH: `Authorization: Bearer ${token}`, TOKEN: token, ADMIN: admin }
  await using shell = new Shell(variables)
  const waiting = new Map(Object.entries(FOUND))
  for (const page of PAGES) {
    const examples = examplesOf(page)
    t.ok(examples.length >= 2, `${examples.length} examples of ${page}`)
    for (const [i, { command, shown }] of examples.entries()) {
      const cwd = join(folder, `${page} ${i}`)
      mkdirSync(cwd)
      for (const name of SOURCES)
        if (new RegExp(`(?:[@<] ?|-T |%s )${name}`).test(command))
          copyFileSync(join(folder, name), join(cwd, name))
      const { text, status } = await shell.run(command, cwd)
      const expected = jsonOf(shown)
      const isRefusal = typeof expected?.['type'] === 'string'
      t.equal(status !== 0, isRefusal, `${command}: ${text}`)
      if (expected !== undefined) {
        const found = jsonOf(text.split('\n')[0])
        t.ok(hasShape(found, expected), `${command}: ${text}`)
        for (const field of STEADY)
          if (page === 'accounts.md') t.equal(found?.[field], expected[field], `${field} of ${command}`)
      }
      for (const [name, pattern] of waiting) {
        const value = pattern.exec(text)?.[1]
        if (value === undefined) continue
        shell.set(name, value)
        waiting.delete(name)
      }
    }
  }
})
