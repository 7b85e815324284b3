import { mock } from 'node:test'
import t from 'tap'
import { EventText } from '../../web/live/event-text.ts'
import type { News } from '../../web/live/event-text.ts'
import { gather } from '../../web/live/gather.ts'
import { Line } from '../../web/live/line.ts'
import type { Locks, Said } from '../../web/live/line.ts'
import { agentWords } from '../../web/settings/agent-words.ts'
import { until } from '../kit/until.ts'

const cursorAt = (number: number, epoch = 'aaaa'): string => `${epoch}.${number}`

const eventAt = (number: number, epoch?: string): string => {
  const cursor = cursorAt(number, epoch)
  const event = { cursor, type: 'file.added', subject: 'x', owner: null, data: { path: `häuser/${number}` } }
  return `id: ${cursor}\nevent: file.added\ndata: ${JSON.stringify(event)}\n\n`
}
const placeAt = (number: number, epoch?: string): string => `: \nid: ${cursorAt(number, epoch)}\n\n`

t.test('events are whole, wherever the text is cut', async (t) => {
  const text = `retry: 2000\n\n${placeAt(1)}${eventAt(2)}${eventAt(3)}${placeAt(9)}`
  for (let at = 0; at <= text.length; at++) {
    const reader = new EventText()
    const heard = [text.slice(0, at), text.slice(at)].flatMap((piece) => reader.take(piece) ?? [])
    const events = heard.flatMap((each) => each.events)
    if (heard.at(-1)?.cursor === 'aaaa.9' && events.length === 2 && events[1]?.data['path'] === 'häuser/3')
      continue
    t.fail(`cut at ${at}`, { found: heard })
  }
  t.equal(new EventText().take('retry: 2000\n\n: \n\n'), undefined, 'what only keeps it alive is nothing')
  t.throws(() => new EventText().take('x'.repeat(2_000_000)), /too large/)
})

t.test('a thousand changes are few looks, and the last of them is looked at', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  let noted = 0
  let seen = 0
  let looks = 0
  const gathering = gather(() => {
    looks++
    seen = noted
  })
  for (; noted < 1000; mock.timers.tick(10)) {
    noted++
    gathering.note()
  }
  t.ok(looks > 1 && looks <= 8, `${looks} looks within 10 s`)
  mock.timers.tick(3000)
  t.equal(seen, 1000)
  mock.timers.tick(3000)
  looks = 0
  gathering.note()
  mock.timers.tick(250)
  t.equal(looks, 1, 'a single one is seen soon')
  gathering.hold(true)
  gathering.note()
  mock.timers.tick(60_000)
  t.equal(looks, 1, 'a hidden page looks at nothing')
  gathering.hold(false)
  mock.timers.tick(1)
  t.equal(looks, 2, 'until it is shown')
  gathering.note()
  gathering.end()
  mock.timers.tick(60_000)
  t.equal(looks, 2)
})

/** Pages of one browser, and the server that they ask. */
function makeBrowser(name: string) {
  const lines: Line[] = []
  const deaf = new Set<Line>()
  const asked: Array<string | undefined> = []
  let say: (text: string) => void = () => undefined
  let isExpired = false
  const open = async (
    after: string | undefined,
    signal: AbortSignal
  ): Promise<ReadableStream<Uint8Array> | 'expired'> => {
    asked.push(after)
    if (isExpired && after !== undefined) return 'expired'
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        signal.addEventListener('abort', () => controller.error(new Error('gone')))
        say = (text) => controller.enqueue(Buffer.from(text))
      }
    })
  }
  const newPage = (from: string | undefined) => {
    const heard: string[] = []
    const line: Line = new Line({
      name,
      from,
      locks: (navigator as unknown as { locks: Locks }).locks,
      open,
      pause: async () => undefined,
      // as it is in a browser: later, and not to oneself
      say: (said: Said) =>
        setImmediate(() => {
          for (const other of lines) if (other !== line && !deaf.has(other)) other.told(structuredClone(said))
        }),
      onNews: (news: readonly News[]) => heard.push(...news.map(({ cursor }) => cursor)),
      onLost: () => heard.push('lost')
    })
    lines.push(line)
    line.resume()
    return { line, heard }
  }
  return {
    asked,
    newPage,
    /** Pages that the browser has stopped for a while. */
    deaf,
    server: (text: string) => say(text),
    expire: () => (isExpired = true),
    end: () => {
      for (const line of lines) line.pause()
    }
  }
}

const hears = async (pages: ReadonlyArray<{ heard: string[] }>, ...expected: string[]): Promise<void> => {
  for (const { heard } of pages)
    await until(`${expected.join()} is heard`, () => heard.join() === expected.join())
}

t.test('pages share a connection, and none misses or repeats anything when it changes hands', async (t) => {
  const browser = makeBrowser('share')
  t.teardown(browser.end)
  const pages = [1, 1, 1].map((at) => browser.newPage(cursorAt(at)))
  const [first] = pages
  await until('one listens', () => browser.asked.length === 1)
  t.equal(browser.asked[0], 'aaaa.1')
  browser.server(eventAt(2) + eventAt(3))
  await hears(pages, 'aaaa.2', 'aaaa.3')

  first?.line.pause()
  await until('the next one listens', () => browser.asked.length === 2)
  t.equal(browser.asked[1], 'aaaa.3', 'where the first one was')
  browser.server(eventAt(3) + eventAt(4))
  await hears(pages, 'aaaa.2', 'aaaa.3', 'aaaa.4')
  first?.line.resume()

  const late = browser.newPage(cursorAt(2))
  await hears([late], 'lost')
  browser.server(placeAt(5) + eventAt(6))
  await hears([late], 'lost', 'aaaa.6')
  await hears(pages, 'aaaa.2', 'aaaa.3', 'aaaa.4', 'aaaa.6')
  const early = browser.newPage(cursorAt(7))
  browser.server(eventAt(7) + eventAt(8))
  await hears([early], 'aaaa.8')
  t.equal(browser.asked.length, 2)
})

t.test('a page that the browser has stopped for a while knows that it has missed something', async (t) => {
  const browser = makeBrowser('stop')
  t.teardown(browser.end)
  const [first, second] = [browser.newPage(cursorAt(1)), browser.newPage(cursorAt(1))]
  await until('one listens', () => browser.asked.length === 1)
  browser.deaf.add(second.line)
  browser.server(eventAt(2))
  await hears([first], 'aaaa.2')
  await new Promise(setImmediate)
  browser.deaf.delete(second.line)
  browser.server(eventAt(3))
  await hears([second], 'lost')
  browser.server(eventAt(4))
  await hears([first], 'aaaa.2', 'aaaa.3', 'aaaa.4')
  await hears([second], 'lost', 'aaaa.4')
})

t.test('where the server keeps no more of it, all pages begin anew', async (t) => {
  const browser = makeBrowser('expire')
  t.teardown(browser.end)
  browser.expire()
  const pages = [1, 1].map((at) => browser.newPage(cursorAt(at)))
  await until('it is asked without a place', () => browser.asked.length === 2)
  t.same(browser.asked, ['aaaa.1', undefined])
  browser.server(placeAt(3, 'bbbb'))
  await hears(pages, 'lost')
  browser.server(eventAt(4, 'bbbb'))
  await hears(pages, 'lost', 'bbbb.4')
})

t.test('sessions are named by their browsers', async (t) => {
  const linux = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)'
  const apple = 'AppleWebKit/605.1.15 (KHTML, like Gecko)'
  const names = {
    [`${linux} Chrome/140.0.0.0 Safari/537.36`]: 'Chrome 140 on Linux',
    [`${linux} HeadlessChrome/140.0.0.0 Safari/537.36`]: 'Chrome 140 on Linux',
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0':
      'Edge 140 on Windows',
    [`${linux} Chrome/139.0.0.0 Safari/537.36 OPR/124.0.0.0`]: 'Opera 124 on Linux',
    'Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0': 'Firefox 143 on Linux',
    [`Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${apple} Version/18.6 Safari/605.1.15`]:
      'Safari 18 on macOS',
    [`Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) ${apple} Version/18.6 Mobile/15E148 Safari/604.1`]:
      'Safari 18 on iPhone',
    [`Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) ${apple} CriOS/140.0.7339.101 Mobile/15E148 Safari/604.1`]:
      'Chrome 140 on iPhone',
    'Mozilla/5.0 (Linux; Android 15; SM-S931B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36':
      'Samsung Internet 28 on Android',
    'Mozilla/5.0 (X11; FreeBSD amd64; rv:143.0) Gecko/20100101 Firefox/143.0': 'Firefox 143',
    'curl/8.16.0': 'curl/8.16.0',
    'Chrome/140 on Linux, or so it says': 'Chrome/140 on Linux, or so it says',
    '': ''
  }
  for (const [agent, name] of Object.entries(names)) t.equal(agentWords(agent), name)
})
