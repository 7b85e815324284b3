import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'

const folder = join(import.meta.dirname, '../../examples')
const names = (await readdir(folder)).filter((name) => name.endsWith('.ts'))

t.ok(names.length >= 3, 'there are examples')
for (const name of names) {
  t.test(`${name} runs, checks itself and ends`, async (t) => {
    const { NODE_OPTIONS: _loaders, ...env } = process.env
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [join(folder, name)], {
      env,
      timeout: 90_000
    })
    t.not(stdout, '')
    t.equal(stderr, '')
  })
}
