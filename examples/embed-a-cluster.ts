/**
 * A whole cluster inside a program: a buffer goes in, a link comes out, and the link works exactly once.
 *
 * Run it: `node examples/embed-a-cluster.ts` (Node 24). In a program of your own, import from 'peerbin'.
 */

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createCluster, hasCode } from '../src/index.ts'

const cluster = await createCluster({ nodes: 3 })
await cluster.start()
try {
  // 5 MB: two chunks, each of them on three nodes
  const report = randomBytes(5_000_000)
  const share = await cluster.upload(report, { name: 'report.bin', metadata: { project: 'examples' } })
  console.log(`stored ${share.file.name} (${share.file.sizeBytes} bytes, ${share.file.chunkCount} chunks)`)

  const download = await cluster.download(share.token)
  const received = await download.buffer()
  assert.deepEqual(Buffer.from(received), report)
  console.log('the bytes that came back are the same')

  await assert.rejects(cluster.download(share.token), (error) => hasCode(error, 'link-used'))
  console.log('a second download was refused: the link has been used')
} finally {
  await cluster.stop()
}
