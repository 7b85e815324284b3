/**
 * Pools, for programs: `peerbin/pool-client`. A producer adds files to a `SendQueue`, which sends them however often the line breaks; a server hands `serve` what works on a group; `listen` tells of every result in
 * order. Nothing of a cluster is loaded.
 */

export { PoolClient } from './pool-client.ts'
export type { GroupQuery, JoinOptions, PoolClientOptions } from './pool-client.ts'
export { SendQueue } from './queue/send-queue.ts'
export type {
  AddOptions,
  NewQueueFile,
  QueueSendOptions,
  SendEvent,
  SendQueueOptions
} from './queue/send-queue.ts'
export type { Added, QueueLimits } from './queue/sqlite-queue.ts'
export type { QueuedFile, QueueSummary } from './queue/store.ts'
export { serve, WorkFailed } from './serve.ts'
export type { Job, ServeEvent, ServeOptions, WorkResult } from './serve.ts'
export { listen, readResult } from './listen.ts'
export type { ListenOptions, ListenPlace } from './listen.ts'
export { fetchGroup } from './fetch-group.ts'
export type { FetchGroupOptions, GroupManifest } from './fetch-group.ts'
export type {
  GroupAnswer,
  GroupResultAnswer,
  JoinedAnswer,
  ManifestFile,
  PoolAnswer,
  PoolEvent,
  PoolMemberAnswer,
  PoolSettingsAnswer,
  ProducerAnswer
} from './answers.ts'
export { asPeerbinError, hasCode, PeerbinError } from '../errors.ts'
export type { ErrorCode } from '../errors.ts'
