/** Space really comes back on disk. */

import { join } from 'node:path'
import t from 'tap'
import { LevelChunkStore } from '../../src/node/store/level-chunk-store.ts'
import { hashSecret } from '../../src/protocol/secrets.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { MIB, bytesOf, setUp, upload } from '../client/edge.ts'
import { until } from '../kit/until.ts'
import { bytesOnDisk } from '../node/store/level-folder.ts'
import { testFolder } from '../kit/test-folder.ts'

const FILE_BYTES = 64 * MIB
/** What may be left: LevelDB's logs, and tables that hold other things too. */
const LEFT_MAX = 16 * MIB

t.test(
  'the folders of all nodes shrink when a file of 64 MiB is deleted, and what else they hold stays',
  async (t) => {
    const folder = testFolder(t)
    const folderOf = (index: number): string => join(folder, `node-${index}`)
    const storeOf = (index: number): LevelChunkStore =>
      new LevelChunkStore({ folder: folderOf(index), clock: systemClock, capacityBytes: 0 })
    const edge = await setUp(t, { storeOf })
    const kept = await edge.writer.upload(upload(bytesOf(MIB, 2)))
    const { token, deleteSecret } = await edge.writer.upload(upload(bytesOf(FILE_BYTES)))
    const sizes = async (): Promise<number[]> =>
      await Promise.all([0, 1, 2].map((index) => bytesOnDisk(folderOf(index))))
    await until('three nodes hold it', async () => (await sizes()).every((bytes) => bytes >= FILE_BYTES))
    await edge.client.controller.call('revokeLink', {
      tokenHash: hashSecret(token),
      deleteHash: hashSecret(deleteSecret)
    })
    await until('the space is back', async () => (await sizes()).every((bytes) => bytes < LEFT_MAX), 90_000)
    for (const { store } of edge.cluster.nodes) t.equal((await store.usage()).chunks, 2)
    t.ok(await edge.cluster.node(0).store.get(kept.file.manifest))
  }
)
