/**
 * A large file goes up from a browser, encrypted, over a line that is cut again and again and to an edge that is killed in the middle, and comes down with `peerbin pull`: byte for byte,
 * with memory flat on both sides.
 */

import { spawn } from 'node:child_process'
import { createCipheriv, createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream, readFileSync, readdirSync, rmSync } from 'node:fs'
import { mkdtemp, open, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import type { Page } from 'playwright-core'
import { chromiumOptions } from '../edge/chromium.ts'
import { startCuttingProxy } from '../kit/cutting-proxy.ts'
import { MemorySampler, readOptions, runProgram } from './program.ts'
import { pause } from './scene.ts'

const MB = 1e6
const PIECE_BYTES = 1e6
const BIN = join(import.meta.dirname, '../../bin/peerbin.ts')
/** Garbage collectors are not exact. */
const GROWTH_MAX_MB = 100

const options = readOptions(
  'big-upload',
  'Uploads one large file from Chromium, encrypted, over a connection that is cut, to an edge that is killed (SIGKILL) in the middle; fetches it with `peerbin pull`, compares SHA-256, samples memory.',
  {
    mb: { what: 'size of the file in MB', default: 2000, least: 1, most: 100_000 },
    cuts: { what: 'how often the connection is cut', default: 5, least: 0, most: 100 },
    nodes: { what: 'storage nodes', default: 3, least: 3, most: 12 },
    'process-mb': {
      what: 'anonymous memory that the page, an edge or pull may take, in MB',
      default: 600,
      least: 50,
      most: 100_000
    }
  }
)
const sizeBytes = options.mb * MB

/** Writes bytes that follow from the seed. @returns their SHA-256 */
async function makeFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  const key = createHash('sha256').update(`big ${options.seed}`).digest()
  const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16))
  const zeros = Buffer.alloc(PIECE_BYTES)
  await using file = await open(path, 'w')
  for (let done = 0; done < sizeBytes; done += PIECE_BYTES) {
    const piece = cipher.update(zeros.subarray(0, Math.min(PIECE_BYTES, sizeBytes - done)))
    hash.update(piece)
    await file.write(piece)
  }
  return hash.digest('hex')
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(path) as AsyncIterable<Buffer>) hash.update(piece)
  return hash.digest('hex')
}

/** Parent of each process (proc(5), stat: the fourth field, behind the name in parentheses). */
function parents(): Map<number, number> {
  const found = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const fields = readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
      found.set(Number(name), Number(fields[1]))
    } catch {
      // it has ended meanwhile
    }
  }
  return found
}

/** Processes below this one in which pages run. */
function renderers(): number[] {
  const parentOf = parents()
  const isBelow = (pid: number | undefined): boolean =>
    pid !== undefined && pid > 1 && (pid === process.pid || isBelow(parentOf.get(pid)))
  return [...parentOf.keys()].filter((pid) => {
    try {
      return isBelow(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('--type=renderer')
    } catch {
      return false
    }
  })
}

/** How much of the file the page says that it has sent, 0 to 1. */
const progressOf = async (page: Page): Promise<number> =>
  await page.evaluate<number>(
    '(() => { const bar = document.querySelector("progress"); return bar === null ? 0 : bar.value / bar.max })()'
  )

const settings = [
  `edge.uploadBytesMax=${sizeBytes + 50 * MB}`,
  'anonymous.bytesPerDay=0',
  'link.graceMs=600000'
]
const folder = await mkdtemp(join(tmpdir(), 'peerbin-big-upload-file-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
await runProgram(
  'big-upload',
  { nodes: options.nodes, edges: 2, settings, timeLimitSeconds: options['time-limit'] },
  async (cluster) => {
    const [first = '', second = ''] = cluster.directUrls
    const victim = cluster.edges[0]
    if (victim === undefined) throw new Error('there is no edge')
    const path = join(folder, 'large file.bin')
    const sha256 = await makeFile(path)
    const line = await startCuttingProxy(first, {
      afterBytes: Math.floor(sizeBytes / (options.cuts + 2)),
      cuts: options.cuts,
      ofRequests: true
    })
    const problems: string[] = []
    const browser = await chromium.launch(chromiumOptions())
    const page = await browser.newPage()
    await page.goto(line.url)
    await page.setInputFiles('#file', path)
    if (!(await page.isChecked('#encrypted'))) problems.push('it is not encrypted unless somebody asks')
    const pids = renderers()
    const state: { puller?: number | undefined } = {}
    const memory = new MemorySampler(() => ({
      ...Object.fromEntries(cluster.edges.map(({ name, pid }) => [name, pid])),
      ...Object.fromEntries(pids.map((pid, i) => [`page-${i + 1}`, pid])),
      pull: state.puller
    }))
    const upAt = performance.now()
    await page.click('#send')
    let killed: Promise<void> | undefined
    let link: string | undefined
    while (link === undefined) {
      await pause(500)
      const field = await page.$('.result #link')
      link = await field?.inputValue()
      if (link !== undefined || killed !== undefined || (await progressOf(page)) < 0.5) continue
      memory.secondHalf()
      line.aim(second)
      console.log(`killing ${victim.name} in mid-upload`)
      killed = victim.kill().then(() => victim.start())
    }
    const upSeconds = (performance.now() - upAt) / 1000
    console.log(`uploaded ${options.mb} MB in ${upSeconds.toFixed(1)} s, ${line.cuts} cuts`)
    await killed
    if (killed === undefined) problems.push('no edge was killed')
    if (line.cuts !== options.cuts) problems.push(`the line was cut ${line.cuts} times`)
    await browser.close()
    await line.close()

    const { pathname, hash } = new URL(link)
    const target = join(folder, 'pulled.bin')
    const downAt = performance.now()
    const pull = spawn(process.execPath, [BIN, 'pull', `${second}${pathname}${hash}`, '-o', target], {
      stdio: ['ignore', 'inherit', 'inherit']
    })
    state.puller = pull.pid
    const [code] = (await once(pull, 'close')) as [number | null]
    const downSeconds = (performance.now() - downAt) / 1000
    const peaks = await memory.stop()
    if (code !== 0) problems.push(`pull ended with ${code}`)
    else if ((await stat(target)).size !== sizeBytes) problems.push('the file has another size')
    else if ((await sha256Of(target)) !== sha256) problems.push('the file has another SHA-256')
    const again = await fetch(`${second}${pathname}`, { headers: { accept: 'application/json' } })
    if (again.status !== 410) problems.push(`the link answers ${again.status} after it was used`)
    const sizes: string[] = []
    for (const [name, { first: early, last: late }] of peaks) {
      sizes.push(`${name} ${early}/${late}`)
      if (Math.max(early, late) > options['process-mb'])
        problems.push(`${name} took ${Math.max(early, late)} MB`)
      if (early > 0 && late > Math.max(early, 200) + GROWTH_MAX_MB)
        problems.push(`${name} grew to ${late} MB`)
    }
    const up = (options.mb / upSeconds).toFixed(1)
    const down = (options.mb / downSeconds).toFixed(1)
    return {
      problems,
      summary: `${options.mb} MB up at ${up} MB/s over ${line.cuts} cuts and a killed edge, down at ${down} MB/s, memory before/after the kill in MB: ${sizes.join(', ')}`
    }
  }
)
