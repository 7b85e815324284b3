/**
 * Encryption of connections, and who may have one: the cluster secret is part of what both sides must agree on in the handshake, so that a stranger
 * without it cannot complete one. It costs nothing per byte. The package's code has moved to @libp2p/noise; only the import would change.
 */

import { noise } from '@chainsafe/libp2p-noise'

/** @param clusterSecret 32 bytes */
export const secretNoise = (clusterSecret: Uint8Array): ReturnType<typeof noise> =>
  noise({ prologueBytes: clusterSecret })
