import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'

/** 20 clients and a cluster start, some of them several times: on a slow machine with other programs running that takes a while. */
const LIMIT_MS = 400_000
t.setTimeout(LIMIT_MS + 10_000)

t.test('twenty clients end with the same right model, whatever is killed meanwhile', async (t) => {
  const { NODE_OPTIONS: _loaders, ...env } = process.env
  const program = join(import.meta.dirname, '../../examples/federated-averaging/main.ts')
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program], {
    env,
    timeout: LIMIT_MS
  })
  t.match(stdout, /all 20 clients have the same model after 3 rounds, and it is the right one/)
  t.equal(stderr, '')
})
