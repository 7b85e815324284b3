/**
 * A storage daemon inside another program: it joins a cluster that runs elsewhere, gives it disk space, and leaves. Here "elsewhere" is the same
 * program, over real sockets; with a cluster of your own, `join` is what `peerbin init` prints.
 *
 * Run it: `node examples/storage-daemon.ts` (Node 24). In a program of your own, import from 'peerbin'.
 */

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCluster, createNode } from '../src/index.ts'

const data = await mkdtemp(join(tmpdir(), 'peerbin-daemon-'))
const cluster = await createCluster({ nodes: 2, network: 'libp2p' })
await cluster.start()

// the settings stand in code here; a `config.json` in the data folder would do as well
const daemon = await createNode({
  data,
  join: cluster.joinString,
  config: { node: { capacityBytes: 500_000_000 }, network: { zone: 'desk' } }
})
try {
  await daemon.start()
  console.log(`${daemon.peerId} listens on ${daemon.addresses.join(', ')}`)

  // a file has three copies as soon as there are three nodes: one of them is ours
  const share = await cluster.upload(new TextEncoder().encode('hello from a desk'), { name: 'hello.txt' })
  let chunks = 0
  while (chunks === 0) {
    await new Promise((resolve) => setTimeout(resolve, 100))
    chunks = daemon.membership.get(daemon.peerId)?.chunks ?? 0
  }
  console.log(`it holds ${chunks} chunks of ${share.file.name} and of its manifest`)
  assert.ok(chunks > 0)
} finally {
  await daemon.stop()
  await cluster.stop()
  await rm(data, { recursive: true, force: true })
}
