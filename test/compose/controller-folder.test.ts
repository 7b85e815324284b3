import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import {
  beginDraft,
  draftFile,
  finishDraft,
  metadataFile,
  refuseUnfinished
} from '../../src/compose/controller-folder.ts'
import { testFolder } from '../kit/test-folder.ts'

t.test('a draft of which a part is still in the log beside it is not put in place', async (t) => {
  const folder = join(testFolder(t), 'controller')
  await beginDraft(folder, 'recovery-refused')
  await writeFile(draftFile(folder), 'a database')
  const log = `${draftFile(folder)}-wal`
  await writeFile(log, 'pages that are not in it yet')
  await t.rejects(finishDraft(folder), { code: 'local-file', message: /could not be written whole/ })
  t.notOk(existsSync(metadataFile(folder)))
  t.throws(() => refuseUnfinished(folder), { code: 'recovery-refused' })
  await writeFile(log, '')
  await finishDraft(folder)
  t.ok(existsSync(metadataFile(folder)), 'an empty one has nothing to lose')
  refuseUnfinished(folder)
  await rm(log)
})
