/** A controller that only listens: for tests of what nodes report, without the real one's own work getting between. */

import { PeerbinError } from '../../src/errors.ts'
import type { Clock, Logger, Network } from '../../src/interfaces.ts'
import { CONTROL_PROTOCOL } from '../../src/protocol/limits.ts'
import { controlMessages, type ControlMessages, type RequestOf } from '../../src/protocol/messages.ts'
import { controlPolicy } from '../../src/protocol/policy.ts'
import { serve } from '../../src/protocol/rpc-server.ts'
import type { ChunkId, PeerId, Receipt, Term } from '../../src/types.ts'

const refuse = async (): Promise<never> => {
  throw new PeerbinError('bad-request', 'the recording controller only listens')
}

export class RecordingController {
  /** Each once: the node that passed a copy on reports it, and the one that holds it. */
  readonly receipts: Receipt[] = []
  readonly badCopies: Array<RequestOf<ControlMessages, 'reportBadCopy'>> = []
  /** How many reports came, refused ones included. */
  reports = 0
  /** While set, reports are answered with it. */
  refusal: PeerbinError | undefined
  term = 1 as Term
  /** What its heartbeat says of nodes that were retired. */
  retired: PeerId[] = []
  readonly #server: { stop(): Promise<void> }

  constructor(deps: { network: Network; clock: Clock; logger: Logger }) {
    const names = Object.keys(controlMessages) as Array<keyof ControlMessages>
    const refuseAll = Object.fromEntries(names.map((op) => [op, refuse])) as Record<
      keyof ControlMessages,
      typeof refuse
    >
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
          for (const receipt of message.receipts) if (!this.#isKnown(receipt)) this.receipts.push(receipt)
          return { message: {} }
        },
        reportBadCopy: async ({ message }) => {
          this.badCopies.push(message)
          return { message: {} }
        }
      }
    })
  }

  #isKnown({ peer, chunk, generation, boot }: Receipt): boolean {
    return this.receiptsOf(chunk).some(
      (known) => known.peer === peer && known.generation === generation && known.boot === boot
    )
  }

  receiptsOf(chunk: ChunkId): Receipt[] {
    return this.receipts.filter((receipt) => receipt.chunk === chunk)
  }

  async stop(): Promise<void> {
    await this.#server.stop()
  }
}
