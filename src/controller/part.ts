/** What the larger parts of the controller have in common: background work, and messages they answer. */

import type { Worker } from '../interfaces.ts'
import type { ControlMessages, RequestOf, ResponseOf } from '../protocol/messages.ts'

/** Answers one message; only a leader is ever asked. */
export type PartHandler<K extends keyof ControlMessages> = (
  message: RequestOf<ControlMessages, K>,
  signal: AbortSignal
) => Promise<ResponseOf<ControlMessages, K>>

export type PartHandlers<K extends keyof ControlMessages> = { readonly [Name in K]: PartHandler<Name> }

export interface ControllerPart<K extends keyof ControlMessages> {
  /** Run while this controller leads. */
  readonly workers: readonly Worker[]
  readonly handlers: PartHandlers<K>
}
