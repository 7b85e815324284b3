/** Naughty strings as names of files: in headers, pages and the names under which the command line saves. The browser's part is in browser-downloads.test.ts. */

import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'content-disposition'
import t from 'tap'
import { safeFileName } from '../../src/cli/pull/file-name.ts'
import { escapeHtml } from '../../src/edge/html.ts'
import { cleanName, formName } from '../../src/edge/http/names.ts'
import { runInProcess } from '../kit/cli-context.ts'
import { ALL_NAUGHTY } from '../kit/naughty-strings.ts'
import { testFolder } from '../kit/test-folder.ts'
import { startEdges, upload } from './edge-cluster.ts'
import type { UploadAnswer } from '../../src/edge/upload-answer.ts'

t.setTimeout(400_000)

const content = Buffer.from('content')
/** A name in the report of a test: nothing in it may look like a line of that. */
const shown = (name: string): string =>
  JSON.stringify(name).replace(/[^\x20-\x7E]|#/g, (char) => `\\u${char.charCodeAt(0).toString(16)}`)
// what a terminal obeys, and what turns a line of text round
const COMMANDS = /[\p{Cc}\p{Zl}\p{Zp}\u061C\u202A-\u202E\u2066-\u2069]/u

t.test('naughty names', async (t) => {
  const { url } = await startEdges(t)
  const put = async (name: string): Promise<UploadAnswer> => {
    const path = encodeURIComponent(name.toWellFormed())
    const answer = await fetch(`${url()}/${path}`, {
      method: 'PUT',
      body: content,
      headers: { accept: 'application/json' }
    })
    if (answer.status !== 201) throw new Error(`${answer.status} for ${shown(name)}: ${await answer.text()}`)
    return (await answer.json()) as UploadAnswer
  }
  /** Dots alone are folders to whoever makes the address, and never come as names. */
  const names = ALL_NAUGHTY.filter((name) => !/^\.{1,2}$/.test(name))

  t.test('come back from headers and pages as the one cleaned name', async (t) => {
    for (const name of names) {
      const { name: said, directUrl, url: page } = await put(name)
      const clean = cleanName(name)
      const what = shown(name)
      t.equal(said, clean, what)
      const head = await fetch(directUrl, { method: 'HEAD' })
      const header = head.headers.get('content-disposition') ?? ''
      if (!/^[\x20-\x7E]+$/.test(header)) t.fail(`not ASCII: ${what}`)
      t.equal(parse(header).parameters['filename'], clean, `the header of ${what}`)
      const html = await (await fetch(page, { headers: { accept: 'text/html' } })).text()
      if (!html.includes(`<p class="file-name">${escapeHtml(clean)}</p>`)) t.fail(`the page of ${what}`)
      const text = await (await fetch(page, { headers: { accept: '*/*' } })).text()
      if (COMMANDS.test(text.replace(/\n$/, ''))) t.fail(`a line of text that commands a terminal: ${what}`)
    }
  })

  t.test('come through forms too', async (t) => {
    for (const name of names.filter((each) => each.isWellFormed())) {
      const answer = await upload(url(), content, { name })
      // a backslash means something to parsers of forms, and browsers send it as it is: what becomes of it is clean all the same
      const sent = name.replace(/"/g, '%22').replace(/\r/g, '%0D').replace(/\n/g, '%0A')
      const expected = name.includes('\\') ? cleanName(answer.name) : formName(sent)
      t.equal(answer.name, expected, shown(name))
    }
  })

  t.test('are saved by pull in the folder that was asked for, and nowhere else', async (t) => {
    const root = testFolder(t)
    const nested = join(root, 'a', 'b', 'c')
    await mkdir(nested, { recursive: true })
    for (const [index, name] of names.entries()) {
      const { url: link } = await put(name)
      const folder = join(nested, String(index))
      await mkdir(folder)
      const { code, stdout, stderr } = await runInProcess(['pull', link, '-o', folder])
      const what = shown(name)
      t.equal(code, 0, what)
      const saved = await readdir(folder)
      t.same(saved, [safeFileName(cleanName(name))], what)
      t.equal(stdout, `${join(folder, saved[0] ?? '')}\n`)
      if (COMMANDS.test(stdout.trimEnd()) || COMMANDS.test(stderr.trimEnd()))
        t.fail(`it commands a terminal: ${what}`)
      t.ok(content.equals(await readFile(join(folder, saved[0] ?? ''))))
    }
    t.same(await readdir(root), ['a'], 'nothing has left its folder')
    t.same(await readdir(join(root, 'a', 'b')), ['c'])
    t.same((await readdir(nested)).length, names.length)
  })
})
