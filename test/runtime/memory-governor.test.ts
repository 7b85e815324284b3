import t from 'tap'
import { MemoryGovernor, v8Collector } from '../../src/runtime/memory-governor.ts'

const MB = 1024 * 1024

t.test('dead buffers are collected once they are many, and not before', async (t) => {
  let bytes = 100 * MB
  let collections = 0
  const governor = new MemoryGovernor({
    externalBytes: () => bytes,
    collect: () => {
      collections++
      bytes = 110 * MB
    }
  })
  bytes = 150 * MB
  t.equal(await governor.step(), 'idle')
  t.equal(collections, 0, '50 MB more may be in use')
  bytes = 165 * MB
  await governor.step()
  t.equal(collections, 1)
  bytes = 170 * MB
  await governor.step()
  t.equal(collections, 1, 'what a collection leaves is in use, and counts from there')
  bytes = 20 * MB
  await governor.step()
  bytes = 90 * MB
  await governor.step()
  t.equal(collections, 2, 'what was given back lowers the floor')
})

t.test('V8 gives buffers back that nobody refers to', async (t) => {
  const collector = v8Collector()
  const before = collector.externalBytes()
  const kept: Uint8Array[] = []
  for (let n = 0; n < 64; n++) kept.push(new Uint8Array(MB))
  const full = collector.externalBytes()
  t.ok(full - before > 50 * MB)
  kept.length = 0
  // the buffers of dead objects are freed beside the program, so that the figure may lag behind one collection
  for (let n = 0; n < 100 && collector.externalBytes() > full - 50 * MB; n++) {
    collector.collect()
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.ok(collector.externalBytes() <= full - 50 * MB)
})
