/** Names, by a name server on this machine and a file of hosts of its own. */

import { createSocket } from 'node:dgram'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { nameResolver } from '../../../src/edge/webhooks/names.ts'
import { until } from '../../kit/until.ts'

const NEVER = new AbortController().signal
const TYPE_A = 1
const OK = 0x8180
const NO_SUCH_NAME = 0x8183

/** Answers a question of one type with an address, and others with nothing. A name that begins with `mute` is left waiting, `none` does not exist. */
async function nameServer(t: Test): Promise<{ server: string; asked: string[] }> {
  const asked: string[] = []
  const socket = createSocket('udp4')
  socket.on('message', (query, { port, address }) => {
    const end = query.indexOf(0, 12)
    const question = query.subarray(12, end + 5)
    const name = query.toString('latin1', 13, end).replaceAll(/[^a-z0-9]/g, '.')
    asked.push(name)
    if (name.startsWith('mute')) return
    const isAddress = query.readUInt16BE(end + 1) === TYPE_A && !name.startsWith('none')
    const head = Buffer.from(query.subarray(0, 12))
    for (const [i, value] of [
      name.startsWith('none') ? NO_SUCH_NAME : OK,
      1,
      isAddress ? 1 : 0,
      0,
      0
    ].entries())
      head.writeUInt16BE(value, 2 + 2 * i)
    // the name as in the question, A, IN, a minute, four bytes
    const answer = Buffer.from([0xc0, 12, 0, TYPE_A, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, 113, 7])
    socket.send(Buffer.concat(isAddress ? [head, question, answer] : [head, question]), port, address)
  })
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  t.teardown(() => socket.close())
  return { server: `127.0.0.1:${socket.address().port}`, asked }
}

function hosts(text: string): string {
  const file = join(mkdtempSync(join(tmpdir(), 'peerbin-names-')), 'hosts')
  writeFileSync(file, text)
  return file
}

t.test('the hosts file first, then the name servers', async (t) => {
  const { server, asked } = await nameServer(t)
  const hostsFile = hosts('# a list\n10.0.0.7\tHooks.test other # mine\n::1 hooks.test\nrubbish x.test\n')
  const resolve = nameResolver({ hostsFile, servers: [server] })
  t.same(await resolve('HOOKS.test.', NEVER), [
    { address: '10.0.0.7', family: 4 },
    { address: '::1', family: 6 }
  ])
  t.same(await resolve('other', NEVER), [{ address: '10.0.0.7', family: 4 }])
  t.match(await resolve('localhost', NEVER), [{ address: '127.0.0.1' }, { address: '::1' }])
  t.same(asked, [], 'nobody was asked for these')
  t.same(await resolve('x.test', NEVER), [{ address: '203.0.113.7', family: 4 }])
  await t.rejects(resolve('none.test', NEVER))
  const without = nameResolver({ hostsFile: `${hostsFile}-that-is-not-there`, servers: [server] })
  t.same(await without('x.test', NEVER), [{ address: '203.0.113.7', family: 4 }])
})

t.test('names that are never answered end with their requests, and hold nothing meanwhile', async (t) => {
  const { server, asked } = await nameServer(t)
  const hostsFile = hosts('')
  const resolve = nameResolver({ hostsFile, servers: [server] })
  const stop = new AbortController()
  const outcomes: unknown[] = []
  const hanging = Array.from({ length: 100 }, async (_each, i) => {
    const outcome = await resolve(`mute${i}.test`, stop.signal).then(
      () => 'found',
      (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error)
    )
    outcomes.push(outcome)
  })
  await until('all of them were asked for', () => new Set(asked).size === hanging.length)
  t.equal(await readFile(hostsFile, 'utf8'), '', 'files are read')
  t.same(await resolve('x.test', NEVER), [{ address: '203.0.113.7', family: 4 }], 'and others found')
  t.same(outcomes, [])
  stop.abort()
  await Promise.all(hanging)
  t.same(new Set(outcomes), new Set(['ECANCELLED']))
  await t.rejects(resolve('mute.test', stop.signal), 'one that comes too late')
})
