/**
 * peerbin as a library: every daemon can be embedded.
 *
 * `createCluster` runs a whole cluster inside a program; `createController`, `createNode` and `createEdge` one role each, in any process;
 * `createClient` shares files through a cluster without HTTP. Each answers an object with `start()` and `stop()`.
 *
 * What others may bring their own of: `ChunkStore`, `MetadataStore`, `Network`, `Clock`, `Random`, `Logger` (interfaces.ts says what they MUST hold).
 */

export { createClient, RunningClient } from './compose/client.ts'
export type { ClientOptions, Download, DownloadOptions, Share, ShareOptions } from './compose/client.ts'
export { createCluster, RunningCluster } from './compose/cluster.ts'
export type { ClusterOptions, ClusterShare } from './compose/cluster.ts'
export { createController, RunningController } from './compose/controller.ts'
export type { ControllerOptions } from './compose/controller.ts'
export { createEdge, RunningEdge } from './compose/edge.ts'
export type { EdgeOptions } from './compose/edge.ts'
export { createNode, RunningNode } from './compose/node.ts'
export type { NodeOptions } from './compose/node.ts'
export type { PeerOptions } from './compose/peer.ts'
export { RunningPeer } from './compose/running-peer.ts'
export { joinStringOf, newClusterKey, parseJoinString } from './compose/cluster-key.ts'
export type { ClusterKey } from './compose/cluster-key.ts'

export { configSchema, defaultConfig, describeConfig, parseConfig } from './config.ts'
export type { Config, ConfigInput } from './config.ts'
export { asPeerbinError, ERRORS, EXIT, hasCode, isErrorCode, PeerbinError } from './errors.ts'
export type { ErrorCode, PeerbinErrorOptions } from './errors.ts'
export type * from './interfaces.ts'
export type * from './metadata-store.ts'
export type * from './types.ts'
export { VERSION } from './version.ts'

export { MemoryMetadataStore } from './metadata/memory-metadata-store.ts'
export { SqliteMetadataStore } from './metadata/sqlite-metadata-store.ts'
export { MemoryHub } from './network/memory-network.ts'
export { BlockstoreView } from './node/store/blockstore-view.ts'
export { LevelChunkStore } from './node/store/level-chunk-store.ts'
export { LimitedChunkStore } from './node/store/limited.ts'
export { MemoryChunkStore } from './node/store/memory-chunk-store.ts'
export { SpaceReserve } from './node/store/space-reserve.ts'
export { StopOnFailure } from './node/store/stop-on-failure.ts'
export { chunkIdFromDigest, chunkIdOf, cidOf, digestOf, parseChunkId } from './protocol/ids.ts'
export { looksLikeManifest } from './protocol/manifest.ts'
export type { Membership } from './cluster/membership.ts'
export type { ClusterStatus } from './protocol/messages.ts'
export { systemClock } from './runtime/clock.ts'
export { createLogger, silentLogger } from './runtime/logger.ts'
export { systemRandom } from './runtime/random.ts'
