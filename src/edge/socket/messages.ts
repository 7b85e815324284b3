/** What goes over the socket, message by message: each is validated by these, and /asyncapi.json is made from them. Text frames are JSON; a field or type that is not known is an error. */

import { z } from 'zod'
import { HISTORY_RECORDS_MAX } from '../../protocol/limits.ts'
import { ACCOUNT_ROLES } from '../../types.ts'
import { cloudEventSchema } from '../events/cloud-event.ts'
import { historyPageSchema } from '../history/answers.ts'
import { EXPIRES_SECONDS_MAX } from '../user-files/fields.ts'

export const SUBPROTOCOL = 'peerbin.v1'
/** Bytes of a file in one frame: few enough that other sockets have their turn, and enough that frames cost nothing. */
export const CHUNK_BYTES_MAX = 256 * 1024
/** A message of text: the longest is a `start-transfer` with all the metadata that a file may have, each character of it escaped. */
export const TEXT_BYTES_MAX = 128 * 1024
/** Transfers on one socket at once. */
export const CHANNELS_MAX = 16
/** Pools whose events one socket gets. */
export const SUBSCRIPTIONS_MAX = 16

const id = z.string().min(1).max(64).describe('the answer repeats it as `re`')
const re = z.string().describe('`id` of the message that this answers')
const channel = z.int().min(1).max(0xffff_ffff).describe('names the transfer on this socket, and on no other')
const offset = z.int().min(0)
const sha256 = z.string().max(128).describe('of the whole file; 32 bytes in hex or base64')
const cursor = z.string().max(128)
const window = {
  chunk_bytes_max: z.int().describe('most bytes of a file in one write-chunk'),
  window_bytes: z.int().describe('most bytes of a transfer that may be sent and not acknowledged yet')
}

export const connect = z
  .strictObject({
    type: z.literal('connect'),
    id: id.optional(),
    token: z
      .string()
      .max(4096)
      .optional()
      .describe('an access token or a key; default: the Authorization or the cookie that opened the socket'),
    events: z.boolean().optional().describe('push events; default: yes, where the token lets you read them'),
    after: cursor.optional().describe('events after this cursor, or `start`; default: from now on'),
    types: z.array(z.string().max(64)).min(1).max(64).optional().describe('of these types; default: all')
  })
  .describe('The first message of all, within ten seconds.')

export const startTransfer = z
  .strictObject({
    type: z.literal('start-transfer'),
    id,
    path: z.string().max(4096).optional().describe('where the file goes; ends in `/`: a folder for `name`'),
    name: z.string().max(1024).optional().describe('of the file, where there is no path'),
    size: z.int().min(0).optional().describe('bytes; needed, except to resume'),
    media_type: z.string().max(1024).optional(),
    sha256: sha256.optional(),
    md5: z.string().max(128).optional().describe('16 bytes in hex or base64'),
    metadata: z.record(z.string(), z.string()).optional(),
    expires: z.int().min(1).max(EXPIRES_SECONDS_MAX).optional().describe('seconds until it is deleted'),
    only_new: z.boolean().optional().describe('refuse where there is a file at the path already'),
    resume: z
      .string()
      .max(128)
      .optional()
      .describe(
        '`transfer` of an earlier answer, from any edge; of the other fields only `size` is looked at'
      )
  })
  .describe('Begins a transfer, or goes on with one.')

export const completeUpload = z
  .strictObject({
    type: z.literal('complete-upload'),
    id,
    channel,
    sha256: sha256.optional().describe('what the file must have; beside what start-transfer declared')
  })
  .describe('Makes a file of what was sent. May follow the last write-chunk at once.')

export const abortTransfer = z
  .strictObject({ type: z.literal('abort-transfer'), id, channel })
  .describe('Gives a transfer up: nothing of it is kept.')

export const getHistory = z
  .strictObject({
    type: z.literal('get-history'),
    id,
    limit: z.int().min(1).max(HISTORY_RECORDS_MAX).optional().describe('default: 100'),
    after: z.string().max(32).optional().describe('`next` of the answer before'),
    file: z.string().max(64).optional().describe('file_id')
  })
  .describe("A page of one's own history, the newest first.")

const pool = z.string().max(64).describe('UUID of a pool')

export const subscribe = z
  .strictObject({
    type: z.literal('subscribe'),
    id,
    pool,
    after: cursor.optional().describe('events after this cursor, or `start`; default: from now on'),
    types: z.array(z.string().max(64)).min(1).max(64).optional().describe('of these types; default: all')
  })
  .describe('Events of a pool from now on, beside one’s own.')

export const unsubscribe = z
  .strictObject({ type: z.literal('unsubscribe'), id, pool })
  .describe('No more events of a pool.')

export const alive = z
  .strictObject({ type: z.literal('alive'), id: id.optional() })
  .describe('Asks whether the server is there.')

export const clientMessage = z.discriminatedUnion('type', [
  connect,
  startTransfer,
  completeUpload,
  abortTransfer,
  getHistory,
  subscribe,
  unsubscribe,
  alive
])
export type ClientMessage = z.output<typeof clientMessage>
export type ConnectMessage = z.output<typeof connect>
export type SubscribeMessage = z.output<typeof subscribe>
export type UnsubscribeMessage = z.output<typeof unsubscribe>
export type StartTransfer = z.output<typeof startTransfer>

export const connected = z
  .strictObject({
    type: z.literal('connected'),
    re: re.optional(),
    user_id: z.string(),
    username: z.string(),
    role: z.enum(ACCOUNT_ROLES),
    cursor: z.string().nullable().describe('where events begin; null: none are pushed'),
    heartbeat_ms: z.int().describe('the server pings so often'),
    ...window
  })
  .describe('The socket may be used.')

export const transfer = z
  .strictObject({
    type: z.literal('transfer'),
    re,
    transfer: z.string().describe('to resume it with, and as good as a password of it: keep it to yourself'),
    channel,
    file_id: z.string().describe('of a file that is new; a further version has the id of its file'),
    offset: offset.describe('send from here'),
    size: z.int(),
    ...window
  })
  .describe('A transfer may begin, or go on.')

export const ack = z
  .strictObject({ type: z.literal('ack'), channel, offset })
  .describe('Everything before the offset is durable: nothing of it need be sent again, whatever fails.')

export const completed = z
  .strictObject({
    type: z.literal('completed'),
    re,
    channel,
    file_id: z.string(),
    version: z.int(),
    path: z.string(),
    size: z.int(),
    status: z.string().describe('as in the list of files'),
    sha256: z.string()
  })
  .describe('The file is stored. The channel is closed.')

export const aborted = z
  .strictObject({ type: z.literal('aborted'), re, channel })
  .describe('It was given up.')

export const history = z
  .strictObject({ type: z.literal('history'), re, ...historyPageSchema.shape })
  .describe('Records, as GET /api/history has them.')

export const aliveAnswer = z
  .strictObject({ type: z.literal('alive'), re: re.optional(), now: z.string().describe('ISO 8601') })
  .describe('It is.')

export const subscribed = z
  .strictObject({
    type: z.literal('subscribed'),
    re,
    pool,
    cursor: z.string().describe('where its events begin')
  })
  .describe('Events of the pool follow.')

export const unsubscribed = z
  .strictObject({
    type: z.literal('unsubscribed'),
    re: re.optional().describe('not there: nobody asked for it, and `code` says why'),
    pool,
    code: z.string().optional().describe('see docs/errors.md'),
    error: z.string().optional().describe('a sentence for a person'),
    oldest: z.string().optional().describe('of `cursor-expired`: the first cursor that is kept'),
    newest: z.string().optional()
  })
  .describe('No more events of the pool follow.')

export const event = z
  .strictObject({
    type: z.literal('event'),
    pool: pool.optional().describe('whose it is; not there: one’s own'),
    cursor: z.string().describe('`after` of whoever comes back and has this one'),
    event: cloudEventSchema
  })
  .describe('Something happened: a CloudEvent, as GET /api/events has them. A repeat has the same id.')

export const cursorMoved = z
  .strictObject({ type: z.literal('cursor'), pool: pool.optional(), cursor: z.string() })
  .describe('Up to here nothing else happened of the types that were asked for.')

export const error = z
  .strictObject({
    type: z.literal('error'),
    re: re.optional(),
    channel: channel.optional().describe('the transfer has ended by this; what has come of it is kept'),
    code: z.string().describe('see docs/errors.md'),
    error: z.string().describe('a sentence for a person'),
    field: z.string().optional(),
    offset: offset.optional().describe('of `offset-mismatch`: what was expected'),
    oldest: z.string().optional().describe('of `cursor-expired`: the first cursor that is kept'),
    newest: z.string().optional(),
    retry_after_ms: z.int().optional()
  })
  .describe('Something was refused. Without `re` and `channel` the socket is closed by it.')

export const serverMessage = z.discriminatedUnion('type', [
  connected,
  transfer,
  ack,
  completed,
  aborted,
  history,
  aliveAnswer,
  subscribed,
  unsubscribed,
  event,
  cursorMoved,
  error
])
export type ServerMessage = z.output<typeof serverMessage>
