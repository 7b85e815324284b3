/** What `peerbin up` and the processes it started say to each other over the IPC channel. Both are the same version of the program. */

import { z } from 'zod'
import { isErrorCode } from '../../errors.ts'
import type { ErrorCode } from '../../errors.ts'

const childMessage = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('ready'),
    peerId: z.string(),
    addresses: z.array(z.string()),
    /** Of an edge. */
    url: z.string().optional()
  }),
  /** Of a controller while there is no administrator, before it is ready: for the terminal only. */
  z.object({ type: z.literal('setup'), secret: z.string() }),
  /** The process is about to end because of this. */
  z.object({ type: z.literal('failed'), code: z.custom<ErrorCode>(isErrorCode), message: z.string() })
])

export type ChildMessage = z.output<typeof childMessage>
export type ReadyMessage = Extract<ChildMessage, { type: 'ready' }>

/** Undefined for what is no message of ours. */
export const readChildMessage = (message: unknown): ChildMessage | undefined =>
  childMessage.safeParse(message).data

/** Asks a process to end cleanly. */
export const STOP_MESSAGE = { type: 'stop' } as const
