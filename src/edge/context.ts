/** What the parts of the edge share. */

import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault
} from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { BlockWriter } from '../client/blocks/block-writer.ts'
import type { ControllerClient } from '../client/controller-client.ts'
import type { FileReader } from '../client/file-reader.ts'
import type { FileWriter } from '../client/file-writer.ts'
import type { ResumableWriter } from '../client/resume/resumable-writer.ts'
import type { PasswordHasher } from '../client/password-hasher.ts'
import type { ScanGate } from '../client/scan/scan-gate.ts'
import type { Membership } from '../cluster/membership.ts'
import type { Config } from '../config.ts'
import type { Clock, Logger, Random } from '../interfaces.ts'
import type { Budget } from '../runtime/budget.ts'
import type { Accounts } from './accounts/accounts.ts'
import type { SessionWatch } from './accounts/session-watch.ts'
import type { Assets } from './assets.ts'
import type { EventFeed } from './events/event-feed.ts'
import type { HistoryRecorder } from './history/recorder.ts'
import type { IndexShelf } from './delivery/index-shelf.ts'
import type { AddressLimits } from './limits/address-limits.ts'
import type { ClaimTable } from './transfer/claim-table.ts'
import type { Transfers } from './transfer/transfers.ts'
import type { UploadLocks } from './tus/upload-locks.ts'
import type { ResolveName } from './webhooks/names.ts'
import type { EdgeWebhooks } from './webhooks/webhooks.ts'

/** What an edge is made of. */
export interface EdgeDeps {
  readonly membership: Membership
  readonly controller: ControllerClient
  readonly writer: FileWriter
  readonly resumable: ResumableWriter
  readonly blocks: BlockWriter
  readonly reader: FileReader
  /** Memory that the writer and the reader share. */
  readonly memory: Budget
  /** Where files are looked at, if they are. */
  readonly scans?: ScanGate | undefined
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly config: Config
  readonly version: string
  /** Names the source of events. */
  readonly clusterName: string
  /** How names of webhooks are resolved; default: by the hosts file and name servers of the machine. */
  readonly resolveName?: ResolveName | undefined
}

/** What a route gets. */
export interface EdgeContext extends EdgeDeps {
  readonly assets: Assets
  readonly transfers: Transfers
  readonly claims: ClaimTable
  readonly indexes: IndexShelf
  readonly passwords: PasswordHasher
  /** Requests that work on uploads that go on later. */
  readonly uploadLocks: UploadLocks
  readonly addresses: AddressLimits
  /** Who makes a request. */
  readonly accounts: Accounts
  /** Which sessions are active; guards for what goes on longer than it takes to let a request in. */
  readonly sessions: SessionWatch
  /** Notes who did what. */
  readonly history: HistoryRecorder
  /** What happens to users' things, for those who listen. */
  readonly events: EventFeed
  /** Where webhooks may lead, and their tests. */
  readonly webhooks: EdgeWebhooks
  /** The edge's own address, for requests that do not say by which name they came. */
  readonly url: () => string
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** A page to go back to when this route fails for a browser. */
    failurePage?: 'upload'
    /** Asked often, and from one address: its requests are not counted. */
    unlimited?: true
    /** The route says itself what it has to say of its failures: it is asked all the time. */
    logsFailures?: true
    /** HEAD, and PATCH where it has to be, are told of a failure that may pass as of a lock (tus/tus-errors.ts says why). */
    locksWhenBusy?: true
    /** JSON schema of a body that is not parsed by Fastify, for /openapi.json: media type → schema. */
    bodyContent?: Record<string, object>
  }
}

/** The server, with its routes typed by their schemas. */
export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  ZodTypeProvider
>

/** Adds one route (or one asset's worth of them) to the server. */
export type Route = (app: App, context: EdgeContext) => void
