/** Ordinary clients whose connection breaks: they resume without knowing about claims. */

import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { curl } from './clients.ts'
import { sampleBytes, startEdges, upload } from './edge-cluster.ts'
import { testFolder } from '../kit/test-folder.ts'

const bytes = sampleBytes(9_000_000)

interface Breaking {
  readonly url: string
  readonly broken: () => number
}

/** A proxy that breaks each connection after so many bytes of answers, `breaks` times in all. */
async function breakingProxy(
  t: { teardown: (work: () => void) => void },
  target: string,
  afterBytes: number,
  breaks: number
): Promise<Breaking> {
  let broken = 0
  const server = createServer((client) => {
    const edge = connect(Number(new URL(target).port), '127.0.0.1')
    let passed = 0
    client.on('error', () => edge.destroy())
    edge.on('error', () => client.destroy())
    client.on('close', () => edge.destroy())
    client.pipe(edge)
    edge.on('data', (piece) => {
      passed += piece.byteLength
      if (passed > afterBytes && broken < breaks) {
        broken++
        client.destroy()
        edge.destroy()
      } else if (!client.write(piece)) {
        edge.pause()
        client.once('drain', () => edge.resume())
      }
    })
    edge.on('end', () => client.end())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, broken: () => broken }
}

t.test('clients resume through broken connections', async (t) => {
  const { url } = await startEdges(t)
  const begin = async (breaks: number) => {
    const { directUrl } = await upload(url(), bytes)
    const proxy = await breakingProxy(t, url(), 3_000_000, breaks)
    return { address: directUrl.replace(url(), proxy.url), proxy }
  }

  const wget = spawnSync('wget', ['--version']).status === 0
  t.test('wget, by its cookie', { skip: wget ? false : 'wget is not installed' }, async (t) => {
    const { address, proxy } = await begin(2)
    const file = `${testFolder(t, {})}/file`
    const child = spawn('wget', ['-q', '--tries=5', '--waitretry=0', '-O', file, address], {
      stdio: 'ignore'
    })
    const [code] = (await once(child, 'close')) as [number]
    t.equal(code, 0)
    t.equal(proxy.broken(), 2)
    t.ok(bytes.equals(await readFile(file)))
  })

  t.test('curl, by a cookie jar', async (t) => {
    const { address, proxy } = await begin(1)
    const dir = testFolder(t, {})
    const get = () => curl(['-C', '-', '-b', `${dir}/jar`, '-c', `${dir}/jar`, '-o', `${dir}/file`, address])
    t.equal((await get()).code, 18, 'curl says that the transfer broke')
    t.equal((await get()).code, 0)
    t.equal(proxy.broken(), 1)
    t.ok(bytes.equals(await readFile(`${dir}/file`)))
  })

  t.test('curl, by the claim URL', async (t) => {
    const { address } = await begin(2)
    const file = `${testFolder(t, {})}/file`
    const claim = randomBytes(32).toString('base64url')
    const codes = []
    for (let i = 0; i < 3; i++)
      codes.push((await curl(['-C', '-', '-o', file, `${address}?claim=${claim}`])).code)
    t.same(codes, [18, 18, 0])
    t.ok(bytes.equals(await readFile(file)))
  })

  t.test('plain curl cannot be told from a stranger', async (t) => {
    const { address } = await begin(1)
    const file = `${testFolder(t, {})}/file`
    t.equal((await curl(['-o', file, address])).code, 18)
    const { stdout } = await curl(['-C', '-', '-f', '-o', file, '-w', '%{http_code}', address])
    t.equal(stdout.toString(), '410')
  })

  t.test('the button, by curl', async (t) => {
    const { url: page } = await upload(url(), bytes)
    const { stdout } = await curl(['-L', '-d', '', page])
    t.ok(bytes.equals(stdout))
  })
})
