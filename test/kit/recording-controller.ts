/** A controller that only listens: for tests of what nodes report, without the real one's own work getting between. */

import { PeerbinError } from '../../src/errors.ts'
import type { Clock, Logger, Network } from '../../src/interfaces.ts'
import { CONTROL_PROTOCOL } from '../../src/protocol/limits.ts'
import { controlMessages, type ControlMessages, type RequestOf } from '../../src/protocol/messages.ts'
import { controlPolicy } from '../../src/protocol/policy.ts'
import { serve } from '../../src/protocol/rpc-server.ts'
import type { ChunkId, Receipt, Term } from '../../src/types.ts'

const refuse = async (): Promise<never> => {
  throw new PeerbinError('bad-request', 'the recording controller only listens')
}

export class RecordingController {
  readonly receipts: Receipt[] = []
  readonly badCopies: Array<RequestOf<ControlMessages, 'reportBadCopy'>> = []
  /** How many reports came, refused ones included. */
  reports = 0
  /** While set, reports are answered with it. */
  refusal: PeerbinError | undefined
  term = 1 as Term
  readonly #server: { stop(): Promise<void> }

  constructor(deps: { network: Network; clock: Clock; logger: Logger }) {
    const refuseAll = {
      openUpload: refuse,
      reserveChunk: refuse,
      commitUpload: refuse,
      abandonUpload: refuse,
      findLink: refuse,
      claimLink: refuse,
      findClaim: refuse,
      reportClaim: refuse,
      releaseClaim: refuse,
      revokeLink: refuse,
      listFileChunks: refuse,
      status: refuse
    }
    this.#server = serve({
      ...deps,
      protocol: CONTROL_PROTOCOL,
      messages: controlMessages,
      policy: controlPolicy,
      handlers: {
        ...refuseAll,
        recordReceipts: async ({ message }) => {
          this.reports++
          if (this.refusal !== undefined) throw this.refusal
          this.receipts.push(...message.receipts)
          return { message: {} }
        },
        reportBadCopy: async ({ message }) => {
          this.badCopies.push(message)
          return { message: {} }
        }
      }
    })
  }

  receiptsOf(chunk: ChunkId): Receipt[] {
    return this.receipts.filter((receipt) => receipt.chunk === chunk)
  }

  async stop(): Promise<void> {
    await this.#server.stop()
  }
}
