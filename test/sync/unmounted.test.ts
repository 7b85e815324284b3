/** A folder whose disk is not there, or another one in its place: nothing of it counts as deleted. */

import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { testFolder } from '../kit/test-folder.ts'
import { machine, put } from './machine.ts'
import { MemoryServer } from './memory-remote.ts'

t.test('a folder that is not mounted deletes nothing, nor does one that was emptied', async (t) => {
  const server = new MemoryServer()
  const root = testFolder(t)
  for (let number = 0; number < 30; number++) await put(root, `d/${number}`, `content ${number}`)
  const { sync } = await machine(t, server, root)
  await sync()
  await rm(join(root, 'd'), { recursive: true })
  t.match(await sync(), { removedRemote: 0, refusedDeletes: { remote: 30 } })
  t.equal(server.files().size, 30)
  await rename(join(root, '.peerbin-sync/marker'), join(root, '.peerbin-sync/gone'))
  await t.rejects(sync(), { code: 'sync-folder' })
  await rename(join(root, '.peerbin-sync/gone'), join(root, '.peerbin-sync/marker'))
  const sure = await machine(t, server, root, { confirmDeletes: true })
  t.match(await sure.sync(), { removedRemote: 30 })
})

for (const [what, replace] of [
  ['an empty folder', async (root: string) => await mkdir(root)],
  ['another folder that is synced', async (root: string, other: string) => await rename(other, root)]
] as const)
  t.test(`nothing is deleted when ${what} is in the place of the one that was synced`, async (t) => {
    const server = new MemoryServer()
    const folder = testFolder(t, { root: {}, other: {} })
    const [root, other] = [join(folder, 'root'), join(folder, 'other')]
    await put(root, 'a', 'a')
    await put(root, 'b', 'b')
    const { sync } = await machine(t, server, root)
    await sync()
    await (await machine(t, new MemoryServer(), other)).sync()
    await rename(root, join(folder, 'away'))
    await replace(root, other)
    await t.rejects(sync(), { code: 'sync-folder', message: /mounted/ })
    t.equal(server.files().size, 2, 'at the server')
    await rm(root, { recursive: true })
    await rename(join(folder, 'away'), root)
    await rm(join(root, 'a'))
    t.match(await sync(), { removedRemote: 1 }, 'it goes on when it is back')
  })

for (const look of ['first', 'last'] as const)
  t.test(
    `nothing is deleted when the disk goes while the folder is looked at (the ${look} time)`,
    async (t) => {
      const server = new MemoryServer()
      const folder = testFolder(t, { root: {} })
      const [root, away] = [join(folder, 'root'), join(folder, 'away')]
      for (const path of ['a', 'b', 'c/d']) await put(root, path, path)
      const { sync, folder: synced } = await machine(t, server, root)
      await sync()
      await rm(join(root, 'a'))
      const scan = synced.scan.bind(synced)
      let looks = 0
      synced.scan = async function* (scanSignal) {
        const isIts = ++looks === (look === 'first' ? 1 : 2)
        for await (const page of scan(scanSignal)) {
          if (isIts && !existsSync(away)) {
            await rename(root, away)
            await mkdir(root)
          }
          yield page
        }
      }
      await t.rejects(sync(), { code: 'sync-folder' })
      t.equal(server.files().size, 3)
    }
  )
