/** Settings of the socket at /ws, in a file of their own: config.ts puts them beside the others. */

import { z } from 'zod'
import { MIB, MINUTE, SECOND, ms, num } from './config-kinds.ts'

const socket = z.strictObject({
  connectMs: ms(10 * SECOND, 'whoever opens a socket has to say within so long who they are'),
  heartbeatMs: ms(
    30 * SECOND,
    'a socket is pinged so often, and closed when nothing was heard of its other side for two and a half times as long'
  ),
  stalledMs: ms(
    60 * SECOND,
    'a socket whose other side reads nothing of what it is sent for so long is closed'
  ),
  idleMs: ms(
    5 * MINUTE,
    'a transfer of which nothing comes for so long ends; what has come is kept, and it can be resumed'
  ),
  windowBytes: num(
    1 * MIB,
    1024 * MIB,
    16 * MIB,
    'bytes of a transfer that may be sent and not acknowledged yet: beyond it nothing is read (bytes)'
  ),
  connectionsMax: num(
    1,
    1_000_000,
    5000,
    'sockets on one edge, which may take 0.8 MiB each beside memoryBytes'
  ),
  connectionsPerAddress: num(1, 1_000_000, 1000, 'of one address'),
  connectionsPerUser: num(1, 1_000_000, 32, 'of one user')
})

/** By section, for descriptions. */
export const socketSections = { socket }
/** What stands in the schema of the configuration. */
export const socketShape = { socket: socket.prefault({}) }
