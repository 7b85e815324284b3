/**
 * One user at a browser and at a command line, on the same files with versions; and another one, who reaches nothing of it by either. Needs Chromium; where there is none the test is
 * skipped and says so, in CI it fails.
 */

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import t from 'tap'
import { api } from '../edge/accounts/accounts-kit.ts'
import { WAIT, downloadBy, openBrowser, visit } from '../edge/browser-kit.ts'
import { skip } from '../edge/chromium.ts'
import { sampleBytes, startEdges } from '../edge/edge-cluster.ts'
import { codeOf, fetchFile, list, stored } from '../edge/files/files-kit.ts'
import { accountCommands, credentialsOf, tokenOf } from '../cli/account-kit.ts'
import type { AccountCommands } from '../cli/account-kit.ts'
import { testFolder } from '../kit/test-folder.ts'
import { PASSWORD, fillCredentials, look, rowOf } from './account-page-kit.ts'

t.setTimeout(300_000)

const PATH = 'work/plan.bin'
const SECRET = 'work/plans that nobody knows of'
/** Bytes that are no text, the same length: a part of the wrong one would show. */
const ofPage = sampleBytes(70_000, 1)
const ofCommand = sampleBytes(70_000, 2)

/** What a command writes to standard output as bytes. */
async function bytesOf({ run }: AccountCommands, argv: readonly string[]): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  const { code, stderr } = await run(argv, { onBytes: (bytes) => void pieces.push(bytes) })
  if (code !== 0) throw new Error(stderr)
  return Buffer.concat(pieces)
}

/** What a page may ask with the cookie of its session. */
const statusIn = (page: Page, method: string, path: string, body?: object): Promise<number> =>
  page.evaluate<number>(
    `fetch(${JSON.stringify(path)}, ${JSON.stringify({
      method,
      ...(body !== undefined && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body)
      })
    })}).then((answer) => answer.status)`
  )

t.test('one user at a browser and a command line', { skip }, async (t) => {
  const { url } = await startEdges(t)
  const browser = await openBrowser(t)
  const folder = testFolder(t)
  const adaConfig = join(folder, 'ada')
  const eveConfig = join(folder, 'eve')
  const ada = accountCommands(folder, { XDG_CONFIG_HOME: adaConfig })
  const eve = accountCommands(folder, { XDG_CONFIG_HOME: eveConfig })
  const { page, complaints } = await visit(browser, url())
  const stranger = await visit(browser, url())

  await t.test('who signs up at one signs in at the other', async (t) => {
    await page.goto(`${url()}/sign-up`)
    await fillCredentials(page, 'Ada')
    await page.waitForURL(`${url()}/my`, WAIT)
    await ada.done(['login', url(), '--username', 'ada', '--password-stdin'], { input: `${PASSWORD}\n` })
    t.match(await ada.json(['whoami']), [{ username: 'Ada' }])
    await eve.done(['register', url(), '--username', 'Eve'], { answers: [PASSWORD, PASSWORD] })
    await stranger.page.goto(`${url()}/sign-in`)
    await fillCredentials(stranger.page, 'Eve')
    await stranger.page.waitForURL(`${url()}/my`, WAIT)
  })

  await t.test('what the page stores, the command line has; what that stores, the page has', async (t) => {
    await page.goto(`${url()}/my?folder=work`)
    await page.waitForSelector('#empty', WAIT)
    await page.setInputFiles('#file', { name: 'plan.bin', mimeType: 'a/b', buffer: ofPage })
    await page.waitForSelector(rowOf(PATH), WAIT)
    t.equal(await ada.done(['ls', 'work']), 'plan.bin\n')
    t.ok((await bytesOf(ada, ['get', PATH, '-o', '-'])).equals(ofPage))

    await writeFile(join(folder, 'plan.bin'), ofCommand)
    t.match(await ada.json(['put', 'plan.bin', 'work/']), [{ path: PATH, version: 2 }])
    await page.waitForSelector(`${rowOf(PATH)} >> text=version 2`, WAIT) // nobody has loaded it again
    t.ok((await downloadBy(page, `${rowOf(PATH)} a`)).bytes.equals(ofCommand))
    t.ok((await bytesOf(ada, ['get', PATH, '--version', '1', '-o', '-'])).equals(ofPage))
  })

  await t.test('a version that the command line restores is the one of the page', async (t) => {
    t.match(await ada.json(['versions', PATH]), [{ version: 2 }, { version: 1 }])
    await ada.done(['restore', PATH, '1'])
    await page.click(`${rowOf(PATH)} button.row-name`)
    await page.click('#section-versions')
    await page.waitForSelector('[data-version="3"] >> text=current', WAIT)
    t.ok((await downloadBy(page, '#download')).bytes.equals(ofPage))
    t.ok((await downloadBy(page, '[aria-label="Download version 2"]')).bytes.equals(ofCommand))
    await page.click('[aria-label="Restore version 2"]')
    await page.waitForSelector('[data-version="4"] >> text=current', WAIT)
    t.ok((await bytesOf(ada, ['get', PATH, '-o', '-'])).equals(ofCommand))
    await page.click('[aria-label=Close]')
  })

  await t.test('another user reaches none of it', async (t) => {
    const token = await tokenOf(credentialsOf(adaConfig), url())
    const secret = await stored(url(), token, ofPage, SECRET)
    const [file] = (await list(url(), token, 'folder=work')).files.filter(({ path }) => path === PATH)
    const id = file?.file_id ?? ''
    const { done, run } = eve
    t.equal(await done(['ls', '-R']), '', 'by the command line')
    t.equal(await done(['ls', '--search', 'plan']), '')
    await writeFile(join(folder, 'eve.txt'), 'of Eve')
    const unknown = [
      ['get', PATH, '-o', '-'],
      ['versions', PATH],
      ['rm', PATH],
      ['mv', 'work', 'mine']
    ]
    for (const argv of unknown)
      t.match(await run(argv), { code: 4, stderr: /\(file-unknown\)/ }, argv.join(' '))
    const denied = [
      ['get', id, '-o', '-'],
      ['versions', id],
      ['restore', id, '1'],
      ['prune', '--keep', '1', id],
      ['mv', id, 'mine.bin'],
      ['share', id],
      ['shares', id],
      ['rm', id],
      ['ls', '--owner', String(file?.['owner_id'])]
    ]
    for (const argv of denied) {
      const answer = await run(argv)
      t.match(answer, { code: 4, stdout: '', stderr: /\(permission-denied\)/ }, argv.slice(0, 1).join(' '))
      t.notMatch(answer.stderr, /plan/, 'nor is its name told')
    }

    const hers = await tokenOf(credentialsOf(eveConfig), url())
    t.same((await fetchFile(url(), hers, id)).status, 403, 'by HTTP')
    t.equal(codeOf(await api(url(), `GET /file/${secret}`, { token: hers })), '403 permission-denied')
    t.same((await fetch(`${url()}/api/files/download/${id}`)).status, 401, 'nor does a stranger')
    const mine = await stored(url(), hers, Buffer.from('of Eve'), PATH)
    t.not(mine, id, 'a path of hers is another file')
    t.ok((await fetchFile(url(), token, id)).bytes.equals(ofCommand))

    const { page: hersToo } = stranger
    await hersToo.goto(`${url()}/my?folder=work`)
    await hersToo.waitForSelector(rowOf(PATH), WAIT)
    t.equal(await hersToo.isVisible(rowOf(SECRET)), false, 'by the browser')
    t.equal((await downloadBy(hersToo, `${rowOf(PATH)} a`)).bytes.toString(), 'of Eve')
    await hersToo.fill('#search', 'nobody knows')
    await hersToo.waitForSelector('text=No file has that in its name', WAIT)
    for (const [method, path, body] of [
      ['GET', `/api/files/download/${id}`],
      ['GET', `/api/files/${id}/versions`],
      ['PATCH', `/api/files/${id}`, { path: 'mine' }],
      ['POST', `/api/files/${id}/share`, {}],
      ['DELETE', `/api/files/delete/${id}`],
      ['GET', '/api/files/list?owner=*']
    ] as const)
      t.equal(await statusIn(hersToo, method, path, body), 403, `${method} ${path.replace(id, '…')}`)
    t.equal((await ada.json(['versions', PATH])).length, 4, 'and nothing of it has changed')
    await ada.done(['rm', SECRET])
  })

  await t.test('notes, an end and fewer versions, by the page', async (t) => {
    await page.click(`${rowOf(PATH)} button.row-name`)
    await page.click('#edit')
    await page.selectOption('#expiry', '86400')
    await page.click('#add-note')
    await page.fill('[aria-label="Text of note 1"]', 'apollo')
    await page.click('#edit-form [type=submit]')
    await page.waitForSelector('#edit-form .notice >> text=needs a name', WAIT)
    await page.fill('[aria-label="Name of note 1"]', 'project')
    await page.click('#add-note')
    await look(t, page, 'edit')
    await page.click('#edit-form [type=submit]')
    await page.waitForSelector('#sheet .note >> text=project: apollo', WAIT)
    const [changed] = await ada.json(['ls', PATH])
    t.match(changed, { metadata: { project: 'apollo' }, version: 4 })
    const hours = (Date.parse(String(changed?.['expires_at'])) - Date.now()) / 3_600_000
    t.ok(hours > 23 && hours <= 24, `${hours} hours`)
    await page.click('#edit')
    await page.selectOption('#expiry', '0')
    await page.click('[aria-label="Remove note 1"]')
    await page.click('#edit-form [type=submit]')
    await page.waitForSelector('#sheet .note', { ...WAIT, state: 'detached' })
    t.match(await ada.json(['ls', PATH]), [{ metadata: {}, expires_at: null }])
    await page.click('#section-versions')
    await page.click('#prune-more summary')
    await page.selectOption('#keep', '2')
    await look(t, page, 'prune')
    await page.click('#prune [type=submit]')
    await page.waitForSelector('[data-version="2"]', { ...WAIT, state: 'detached' })
    t.match(await ada.json(['versions', PATH]), [{ version: 4 }, { version: 3 }])
    await page.click('[aria-label=Close]')
  })

  await t.test('a folder moves at either, with everything in it', async (t) => {
    await ada.done(['put', 'plan.bin', 'taken/plan.bin'])
    await page.click('.crumbs >> text=My files')
    await page.click('[data-folder=work] button')
    await page.fill('#folder-path', 'taken')
    await page.click('#move-folder [type=submit]')
    await page.waitForSelector('#move-folder .notice >> text=taken/plan.bin', WAIT)
    await look(t, page, 'folder')
    await page.fill('#folder-path', 'done/work')
    await page.click('#move-folder [type=submit]')
    await page.waitForSelector('body > .toast >> text=work was moved, with 1 file.', WAIT)
    t.equal(await ada.done(['ls', '-R', 'done']), 'done/work/plan.bin\n')
    t.equal(await ada.done(['mv', 'done/work', '/']), 'done/work/ -> work/ (1 file)\n')
    await page.goto(`${url()}/my?folder=work`)
    await page.waitForSelector(rowOf(PATH), WAIT)
    await page.goto(`${url()}/my`)
    await page.click('[data-folder=taken] button')
    await page.click('#remove-more summary')
    await look(t, page, 'folder-delete', true)
    await page.click('#remove-folder [type=submit]')
    await page.waitForSelector('body > .toast >> text=taken was deleted, with 1 file.', WAIT)
    await page.waitForSelector('[data-folder=taken]', { ...WAIT, state: 'detached' })
    t.match(await ada.run(['ls', 'taken']), { code: 4, stderr: /\(file-unknown\)/ })
    await page.click('#files >> text=work')
  })

  await t.test('what the page deletes is gone for the command line', async (t) => {
    const [{ file_id: id } = {}] = await ada.json(['ls', PATH])
    await page.click(`${rowOf(PATH)} button.row-name`)
    await page.click('#section-remove')
    await page.click('#remove [type=submit]')
    await page.waitForSelector('body > .toast >> text=plan.bin was deleted', WAIT)
    for (const argv of [
      ['get', PATH],
      ['get', String(id)],
      ['versions', PATH],
      ['rm', PATH],
      ['ls', PATH]
    ])
      t.match(await ada.run(argv), { code: 4, stdout: '', stderr: /\(file-unknown\)/ }, argv.join(' '))
    t.equal(await ada.done(['ls', '-R']), '')
  })

  t.same([...complaints, ...stranger.complaints], [])
})
