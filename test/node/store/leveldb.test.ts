import t from 'tap'
import { PeerbinError } from '../../../src/errors.ts'
import { WriteLatch } from '../../../src/node/store/leveldb.ts'

t.test('after a write that failed none is let through, those under way included', async (t) => {
  const latch = new WriteLatch()
  t.equal(await latch.run('write', async () => 'done'), 'done')
  const gate = Promise.withResolvers<void>()
  const slow = latch.run('write', () => gate.promise)
  const failing = latch.run('write', async () => {
    throw new Error('ENOSPC')
  })
  await t.rejects(failing, { code: 'store-failed', message: 'failed to write: ENOSPC' })
  gate.resolve()
  await t.rejects(slow, { code: 'store-failed' }, 'its sync may have covered up for the other')
  let ran = false
  const later = latch.run('write', async () => {
    ran = true
  })
  await t.rejects(later, { code: 'store-failed', message: 'ENOSPC' })
  t.notOk(ran)
  t.ok((await later.catch((error: unknown) => error)) instanceof PeerbinError)
})
