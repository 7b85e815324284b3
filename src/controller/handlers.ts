/** The control protocol: which service answers which message. Only a leader answers. */

import type { ClusterStatus, ControlMessages, EventMessages, HistoryMessages } from '../protocol/messages.ts'
import type { RpcAnswer, RpcHandlers, RpcRequest } from '../protocol/rpc.ts'
import type { AccountOp, Accounts } from './accounts/accounts.ts'
import type { BlockOp, Blocks } from './blocks/blocks.ts'
import type { CopyCheck } from './copy-check.ts'
import type { UserFileOp, UserFiles } from './files/user-files.ts'
import type { FileChunks } from './file-chunks.ts'
import type { Events } from './events/events.ts'
import type { History } from './history/history.ts'
import type { Leadership } from './leadership.ts'
import type { Inventory } from './inventory/inventory.ts'
import type { LinkService } from './link-service.ts'
import type { ControllerPart, PartHandler } from './part.ts'
import type { PoolOp, Pools } from './pools/pools.ts'
import type { Repair } from './repair/repair.ts'
import type { ResumptionService } from './resumption-service.ts'
import type { Scrubs } from './scrubs.ts'
import type { Snapshots } from './snapshots/snapshots.ts'
import type { WebhookOp, Webhooks } from './webhooks/webhooks.ts'
import type { UploadService } from './upload-service.ts'

export interface HandlersDeps {
  accounts: Accounts
  files: UserFiles
  blocks: Blocks
  pools: Pools
  history: History
  events: Events
  leadership: Leadership
  uploads: UploadService
  resumption: ResumptionService
  links: LinkService
  chunks: FileChunks
  check: CopyCheck
  repair: Repair
  inventory: Inventory
  snapshots: Snapshots
  scrubs: Scrubs
  webhooks: Webhooks
  status: () => Promise<ClusterStatus>
}

export function createHandlers(deps: HandlersDeps): RpcHandlers<ControlMessages> {
  const {
    accounts,
    files,
    leadership,
    uploads,
    resumption,
    links,
    chunks,
    check,
    repair,
    inventory,
    snapshots,
    scrubs,
    webhooks,
    status
  } = deps
  const led =
    <Message, Answer>(work: (message: Message, signal: AbortSignal) => Promise<Answer>) =>
    async ({ message, signal }: RpcRequest<Message>): Promise<RpcAnswer<Answer>> => {
      leadership.assert()
      return { message: await work(message, signal) }
    }
  return {
    ...partHandlers<AccountOp>(accounts, leadership),
    ...partHandlers<UserFileOp>(files, leadership),
    ...partHandlers<keyof HistoryMessages>(deps.history, leadership),
    ...partHandlers<keyof EventMessages>(deps.events, leadership),
    ...partHandlers<BlockOp>(deps.blocks, leadership),
    ...partHandlers<WebhookOp>(webhooks, leadership),
    ...partHandlers<PoolOp>(deps.pools, leadership),
    openUpload: led((message) => uploads.open(message)),
    reserveChunk: led((message) => uploads.reserve(message)),
    recordReceipts: led((message, signal) => uploads.recordReceipts(message, signal)),
    commitUpload: led((message, signal) => uploads.commit(message, signal)),
    abandonUpload: led((message) => uploads.abandon(message)),
    findUpload: led((message, signal) => resumption.find(message, signal)),
    resumeUpload: led((message, signal) => resumption.resume(message, signal)),
    checkpointUpload: led((message, signal) => resumption.checkpoint(message, signal)),
    listUploadChunks: led(async ({ upload, from, limit }) => ({
      chunks: await chunks.uploadPage(upload, from, limit)
    })),
    findLink: led((message) => links.find(message)),
    claimLink: led((message) => links.claim(message)),
    checkPassword: led((message) => links.check(message)),
    findClaim: led((message) => links.findClaim(message)),
    reportClaim: led((message) => links.report(message)),
    releaseClaim: led((message) => links.release(message)),
    revokeLink: led((message) => links.revoke(message)),
    findSentLink: led((message) => links.findSent(message)),
    listClaims: led((message) => links.listClaims(message)),
    extendLink: led((message) => links.extend(message)),
    listFileChunks: led(async ({ file, from, limit }) => ({ chunks: await chunks.page(file, from, limit) })),
    reportBadCopy: led(async ({ peer, chunk, generation }, signal) => {
      await check.dropIfBad({ peer, chunk, generation }, signal)
      return {}
    }),
    drainNode: led(repair.handlers.drainNode),
    retireNode: led(repair.handlers.retireNode),
    collector: led(inventory.handlers.collector),
    scrub: led((message, signal) => scrubs.ask(message, signal)),
    listSuspended: led(snapshots.handlers.listSuspended),
    resumeLinks: led(snapshots.handlers.resumeLinks),
    backup: async ({ message, signal }) => {
      leadership.assert()
      return await snapshots.backup(message, signal)
    },
    status: led(() => status())
  }
}

/** As `led`, for all of them at once. */
function partHandlers<K extends keyof ControlMessages>(
  { handlers }: ControllerPart<K>,
  leadership: Leadership
): Pick<RpcHandlers<ControlMessages>, K> {
  const answerers = Object.entries<PartHandler<never>>(handlers).map(([op, work]) => [
    op,
    async ({ message, signal }: RpcRequest<never>): Promise<RpcAnswer<unknown>> => {
      leadership.assert()
      return { message: await work(message, signal) }
    }
  ])
  return Object.fromEntries(answerers) as Pick<RpcHandlers<ControlMessages>, K>
}
