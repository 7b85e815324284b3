/** Folders as one, files by their paths, what has expired and is not settled yet, and what everything takes up. */

import t from 'tap'
import { failpoints } from '../../../src/runtime/failpoints.ts'
import { until } from '../../kit/until.ts'
import { api, newAdmin, register } from '../accounts/accounts-kit.ts'
import { startEdges, upload } from '../edge-cluster.ts'
import { codeOf, fetchFile, list, listAll, store, stored } from './files-kit.ts'

const bytes = Buffer.from('ten bytes.')
const HOUR_MS = 3_600_000

t.test('folders', async (t) => {
  // nothing is settled by itself
  const config = { controller: { settleIntervalMs: HOUR_MS }, account: { downloadsAtOnce: 1 } }
  const edges = await startEdges(t, { nodes: 2, config })
  const url = edges.url()
  const ann = await register(url, 'ann')
  const bob = await register(url, 'bob')
  const admin = await newAdmin(edges, 'root')
  const put = async (...paths: string[]): Promise<string[]> =>
    await Promise.all(paths.map(async (path) => await stored(url, ann.token, bytes, path)))
  const ask = async (what: string, body?: object, { token } = ann) =>
    await api(url, what, { token, ...(body !== undefined && { body }) })
  const paths = async () => await listAll(url, ann.token, 'recursive=1')
  const find = async (path: string, of = '', who = ann) =>
    await ask(`GET /api/files/find?path=${encodeURIComponent(path)}${of}`, undefined, who)

  await t.test('a file is found by its path', async (t) => {
    const [id = ''] = await put('work/Résumé.pdf')
    t.match((await find('WORK/résumé.PDF')).json, { file_id: id, path: 'work/Résumé.pdf', version: 1 })
    for (const path of ['work', 'work/other', 'Résumé.pdf'])
      t.equal(codeOf(await find(path)), '404 file-unknown', path)
    t.equal(codeOf(await find('../a')), '422 invalid-field')
    t.equal(codeOf(await ask('GET /api/files/find')), '422 invalid-field')
    t.equal(codeOf(await find('work/Résumé.pdf', '', bob)), '404 file-unknown')
    t.equal(codeOf(await find('work/Résumé.pdf', `&owner=${ann.id}`, bob)), '403 permission-denied')
    t.match((await find('work/Résumé.pdf', `&owner=${ann.id}`, admin)).json, { file_id: id })
    await ask(`DELETE /api/files/delete/${id}`)
  })

  await t.test('a folder moves with everything in it, or not at all', async (t) => {
    const [id = ''] = await put('a/one', 'a/b/two', 'c/b/TWO')
    const move = async (from: string, to: string, more = {}, who = ann) =>
      await ask('POST /api/folders/move', { from, to, ...more }, who)
    const refused = await move('A', 'c')
    t.equal(codeOf(refused), '409 path-taken')
    t.match(refused.json, { path: 'c/b/two', error: /c\/b\/two/ }, 'it says what is in the way')
    t.same(await paths(), ['a/one', 'a/b/two', 'c/b/TWO'], 'nothing has moved')
    t.match((await move('a', '/x/y/')).json, { moved: 2, message: '2 files moved.' })
    t.same(await paths(), ['c/b/TWO', 'x/y/one', 'x/y/b/two'])
    t.match((await ask(`GET /api/files/${id}`)).json, { path: 'x/y/one', version: 1 })
    t.ok((await fetchFile(url, ann.token, id)).bytes.equals(bytes))
    for (const [from, to, code] of [
      ['x', 'X/inside', '422 invalid-field'],
      ['', 'y', '422 invalid-field'],
      ['x', '/', '422 invalid-field'],
      ['x', 'y/../z', '422 invalid-field'],
      ['x', Array(70).fill('d').join('/'), '422 invalid-field'],
      ['x/y/one', 'z', '404 file-unknown'],
      ['nothing', 'z', '404 file-unknown']
    ] as const)
      t.equal(codeOf(await move(from, to)), code, `${from} to ${to}`)
    t.equal(codeOf(await move('x', 'z', { owner: ann.id }, bob)), '403 permission-denied')
    t.equal(codeOf(await move('x', 'z', {}, bob)), '404 file-unknown', 'a path is one’s own')
    t.match((await move('x', 'c', { owner: ann.id.toUpperCase() }, admin)).json, { moved: 2 })
    t.same(await paths(), ['c/b/TWO', 'c/y/one', 'c/y/b/two'])
  })

  await t.test('a folder goes with everything in it', async (t) => {
    await put('d/one', 'stays')
    const remove = async (path: string, who = ann) => await ask('POST /api/folders/delete', { path }, who)
    t.equal(codeOf(await remove('c', bob)), '404 file-unknown')
    t.equal(codeOf(await remove('/')), '422 invalid-field')
    const { json: one } = await find('c/y/one')
    const shared = await ask(`POST /api/files/${String(one['file_id'])}/share`, {})
    t.match((await remove('C')).json, { deleted: 3, more: false, message: '3 files deleted.' })
    t.equal(codeOf(await remove('c')), '404 file-unknown')
    t.same(await paths(), ['stays', 'd/one'])
    t.same((await list(url, ann.token)).folders, ['d'])
    const headers = { accept: 'application/json' }
    t.equal((await fetch(String(shared.json['directUrl']), { headers })).status, 410, 'its links too')
    t.match((await ask('GET /api/me')).json, { used_bytes: 2 * bytes.length })
  })

  await t.test('one of many steps says that there is more', async (t) => {
    const { controller } = await edges.cluster.client('edge')
    await put('m/1', 'm/2', 'm/3/4')
    const message = { actor: { user: ann.id as never, role: 'user' as const }, owner: ann.id as never }
    const step = async () => await controller.call('deleteFolder', { ...message, folder: 'm', limit: 2 })
    t.match(await step(), { deleted: 2, more: true })
    t.match(await step(), { deleted: 1, more: false })
  })

  await t.test('what all files take up', async (t) => {
    await store(url, bob.token, bytes)
    await upload(url, bytes)
    t.match((await ask('GET /api/space', undefined, admin)).json, {
      users_bytes: 3 * bytes.length,
      links_bytes: bytes.length,
      used_bytes: 4 * bytes.length
    })
    t.match((await ask('GET /api/me')).json, { quota_of: 'role' })
    const set = { quota_bytes: 1000 }
    t.match((await ask(`PATCH /api/users/${ann.id}`, set, admin)).json, { ...set, quota_of: 'user' })
    const none = { quota_bytes: null }
    t.match((await ask(`PATCH /api/users/${ann.id}`, none, admin)).json, { quota_of: 'role' })
  })

  await t.test('an export of the history is a transfer of its user', async (t) => {
    const { json } = await find('stays')
    const held = Promise.withResolvers<void>()
    const reached = Promise.withResolvers<void>()
    const run = async (): Promise<void> => {
      reached.resolve()
      await held.promise
    }
    const disarm = failpoints.arm('edge.firstByte.before', { kind: 'run', run })
    t.teardown(disarm)
    const download = fetchFile(url, ann.token, String(json['file_id']))
    await reached.promise
    const lines = async ({ token }: typeof ann): Promise<number> => {
      const headers = { authorization: `Bearer ${token}` }
      const answer = await fetch(`${url}/api/history?format=jsonl`, { headers })
      await answer.text()
      return answer.status
    }
    t.equal(await lines(ann), 429)
    t.equal(await lines(bob), 200, 'whoever shares the address has a share of their own')
    disarm()
    held.resolve()
    t.equal((await download).status, 200)
    t.equal(await lines(ann), 200)
  })

  await t.test('what has expired is gone at once, before anything has noticed', async (t) => {
    const before = { path: 'gone/soon', expires: '1' }
    const id = String((await store(url, ann.token, bytes, { before })).json['file_id'])
    t.same((await list(url, ann.token)).folders, ['d', 'gone'])
    await until('its time has come', async () => (await fetchFile(url, ann.token, id)).status === 404)
    t.match((await ask('GET /api/me')).json, { used_bytes: 3 * bytes.length }, 'it is there still')
    t.same(await paths(), ['stays', 'd/one'])
    t.same(await listAll(url, ann.token, 'search=soon'), [])
    t.same((await list(url, ann.token)).folders, ['d'])
    t.equal(codeOf(await find('gone/soon')), '404 file-unknown')
    for (const what of [`GET /api/files/${id}`, `GET /file/${id}`, `GET /api/files/${id}/versions`])
      t.equal(codeOf(await ask(what)), '404 file-unknown', what)
    const again = await store(url, ann.token, bytes, { before: { path: 'gone/soon', only_new: '1' } })
    t.match(again.json, { version: 1 })
    t.not(again.json['file_id'], id, 'and the path is free')
  })
})
