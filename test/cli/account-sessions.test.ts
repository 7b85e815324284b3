/** `peerbin sessions`, and where a token goes: to its own server, and nowhere else. */

import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { IncomingMessage, RequestListener } from 'node:http'
import { join } from 'node:path'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { api } from '../edge/accounts/accounts-kit.ts'
import { startEdges } from '../edge/edge-cluster.ts'
import { testFolder } from '../kit/test-folder.ts'
import { accountCommands, credentialsOf, tokenOf } from './account-kit.ts'

const PASSWORD = 'correct horse'

t.test('sessions, and where tokens go', async (t) => {
  const { url } = await startEdges(t, { nodes: 2 })
  const folder = testFolder(t)
  const config = (name: string) => ({ XDG_CONFIG_HOME: join(folder, name) })
  const { run, done, json } = accountCommands(folder, config('here'))
  await done(['register', url(), '--username', 'Ada'], { answers: [PASSWORD, PASSWORD] })
  /** Signs in elsewhere, and answers the token. */
  const elsewhere = async (name: string): Promise<string> => {
    await done(['login', url(), '--username', 'ada', '--password-stdin'], {
      input: `${PASSWORD}\n`,
      env: config(name)
    })
    return await tokenOf(credentialsOf(join(folder, name)), url())
  }
  const isGood = async (token: string): Promise<boolean> =>
    (await api(url(), 'GET /api/validate', { token })).status === 200

  await t.test('sessions are listed, and end', async (t) => {
    const tokens = [await elsewhere('a'), await elsewhere('b'), await elsewhere('c')]
    const sessions = await json(['sessions'])
    t.same(
      [sessions.length, sessions.filter(({ current }) => current === true).length],
      [4, 1],
      'this one, and three others'
    )
    t.match(await done(['sessions', 'list']), /^SESSION +SINCE .*PROGRAM\n[\s\S]*\(this one\)\n/)
    const [of] = (await json(['sessions'], { env: config('a') })).filter(({ current }) => current === true)
    const id = String(of?.['session_id'])
    t.equal(await done(['sessions', 'end', id.slice(0, 8).toUpperCase()]), `${id}: ended\n`)
    t.same(await Promise.all(tokens.map(isGood)), [false, true, true])
    t.match(await run(['sessions', 'end', '0000']), { code: 4, stderr: /\(session-unknown\)/ })
    t.match(await run(['sessions', 'end', '']), { code: 4, stderr: /\(session-unknown\)/ })
    t.match(await run(['sessions', 'end']), { code: 2 })
    t.match(await run(['sessions', 'end', id, '--others']), { code: 2 })
    t.match(await json(['sessions', 'end', '--others']), [{ ended: 2 }])
    t.same(await Promise.all(tokens.map(isGood)), [false, false, false])
    await done(['whoami'])
  })

  await t.test('a redirect to another origin is not followed with a token', async (t) => {
    const listen = async (answer: RequestListener): Promise<string> => {
      const server = createServer(answer)
      t.teardown(() => server.close())
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    }
    const stolen: IncomingMessage[] = []
    const thief = await listen((request, response) => {
      stolen.push(request)
      response.end('{}')
    })
    const token = await tokenOf(credentialsOf(join(folder, 'here')), url())
    let to = thief
    const door = await listen((request, response) => {
      request.resume()
      const isOwn = request.url?.startsWith('/moved') === true
      if (isOwn) return void response.end('{"valid":true,"user_id":"x","username":"Ada","role":"user"}')
      response.writeHead(307, { location: to + (request.url ?? '') }).end()
    })
    await writeFile(join(folder, 'small.txt'), 'small')
    await writeFile(join(folder, 'large.txt'), Buffer.alloc(2_000_000, 1))
    const env = { PEERBIN_URL: door, PEERBIN_TOKEN: token }
    for (const argv of [
      ['whoami'],
      ['ls'],
      ['get', 'x'],
      ['get', '00000000-0000-4000-8000-000000000000'],
      ['put', 'small.txt'],
      ['put', 'large.txt'],
      ['rm', 'x'],
      ['sessions']
    ])
      t.match(await run(argv, { env }), { code: 3, stderr: thief }, `${argv.join(' ')} says where it led`)
    to = thief.replace('127.0.0.1', 'localhost')
    t.match(await run(['ls'], { env }), { code: 3 })
    t.same(stolen, [], 'and nothing was sent there')
    to = '/moved'
    t.match(await json(['whoami'], { env }), [{ username: 'Ada' }], 'within one origin it is')
  })
})
