import t from 'tap'
import { newIdentity } from '../../src/network/identity.ts'
import { createLibp2pNetwork } from '../../src/network/libp2p-network.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { rpcConformance } from '../conformance/rpc.ts'

rpcConformance(t, {
  name: 'libp2p',
  create: async () =>
    await createLibp2pNetwork({
      identity: await newIdentity(),
      clusterSecret: new Uint8Array(32).fill(7),
      listenHost: '127.0.0.1',
      listenPort: 0,
      announce: [],
      connectionsMax: 100,
      logger: silentLogger
    })
})
