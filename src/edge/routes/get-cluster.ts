/** What the cluster is doing: for operators, load balancers and `peerbin status`. */

import { z } from 'zod'
import { asPeerbinError, PeerbinError } from '../../errors.ts'
import type { ErrorCode } from '../../errors.ts'
import type { Logger } from '../../interfaces.ts'
import type { EdgeContext, Route } from '../context.ts'
import { controlMessages } from '../../protocol/messages.ts'
import { problemSchema } from '../problem.ts'
import { NODE_STATES, ROLES } from '../../types.ts'

const activeNodesSchema = z.object({
  nodes: z.array(
    z.object({
      id: z.string(),
      roles: z.array(z.enum(ROLES)),
      addresses: z.array(z.string()),
      lastHeartbeat: z.string().describe('ISO 8601'),
      capacity: z.int().describe('bytes'),
      free: z.int().describe('bytes'),
      state: z.enum(NODE_STATES)
    })
  )
})
const aliveSchema = z.object({ status: z.literal('alive'), version: z.string() })
const readySchema = z.object({
  status: z.literal('ready'),
  nodes: z.int().describe('active nodes that take chunks')
})

export const getActiveNodes: Route = (app, { membership }) => {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/active-nodes',
    schema: {
      summary: 'Nodes whose heartbeats arrive',
      tags: ['cluster'],
      response: { 200: activeNodesSchema }
    },
    handler: async () => ({
      nodes: membership.active('node').map((member) => ({
        id: member.peer,
        roles: member.roles,
        addresses: member.addresses,
        lastHeartbeat: new Date(member.lastHeartbeatAt).toISOString(),
        capacity: member.capacityBytes,
        free: member.freeBytes,
        state: member.state
      }))
    })
  })
}

/** How many nodes would take a chunk now. @throws `no-controller`, `not-enough-nodes` */
export function writableNodes({ membership, config }: Pick<EdgeContext, 'membership' | 'config'>): number {
  const retryAfterMs = config.heartbeat.intervalMs
  if (membership.active('controller').length === 0)
    throw new PeerbinError('no-controller', '', { retryAfterMs })
  const nodes = membership.active('node').filter(({ state }) => state === 'active').length
  if (nodes < config.replication.copiesMin) throw new PeerbinError('not-enough-nodes', '', { retryAfterMs })
  return nodes
}

/** Tells the log when readiness changes, not each time somebody asks. @param code why an upload would not be taken; undefined: it would */
function readinessLog(logger: Logger): (code: ErrorCode | undefined) => void {
  let last: ErrorCode | undefined
  return (code) => {
    if (code === last) return
    last = code
    if (code === undefined) logger.info('uploads are taken again')
    else logger.warn('no upload would be taken', { code })
  }
}

/** Load balancers ask often and from one address. */
const UNLIMITED = { unlimited: true } as const

export const getHealth: Route = (app, context) => {
  const say = readinessLog(context.logger)
  app.route({
    method: ['GET', 'HEAD'],
    url: '/healthz',
    schema: { summary: 'Whether the process is alive', tags: ['cluster'], response: { 200: aliveSchema } },
    config: UNLIMITED,
    handler: async () => ({ status: 'alive' as const, version: context.version })
  })
  app.route({
    method: ['GET', 'HEAD'],
    url: '/readyz',
    schema: {
      summary: 'Whether an upload would be taken now',
      tags: ['cluster'],
      response: {
        200: readySchema,
        503: {
          description: 'Too few active nodes, or no controller',
          content: { 'application/problem+json': { schema: problemSchema } }
        }
      }
    },
    config: { ...UNLIMITED, logsFailures: true },
    handler: async () => {
      try {
        const nodes = writableNodes(context)
        say(undefined)
        return { status: 'ready' as const, nodes }
      } catch (error) {
        say(asPeerbinError(error).code)
        throw error
      }
    }
  })
}

/** What this edge says of itself, beside what the controller says of the cluster. */
const edgeStatusSchema = z.object({
  transfers: z.int().describe('uploads and downloads under way'),
  memoryUsedBytes: z.int().describe('chunks in memory'),
  memoryWaiting: z.int().describe('transfers that wait for memory'),
  chunks: z
    .object({
      fetched: z.int().describe('came from nodes'),
      hits: z.int().describe('were kept, and read again'),
      joined: z.int().describe('were on their way to another reader, or in its hands'),
      keptBytes: z.int().describe('kept in memory now')
    })
    .describe('chunks that were read, since the start'),
  addresses: z.int().describe('addresses whose requests are counted'),
  scans: z
    .object({ clean: z.int(), infected: z.int(), skipped: z.int(), refused: z.int() })
    .nullable()
    .describe('what the scanner said since the start; skipped and refused: it said nothing')
})

const statusSchema = controlMessages.status.response.extend({ edge: edgeStatusSchema })

export const getStatus: Route = (app, { controller, transfers, memory, reader, addresses, scans }) => {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/status',
    schema: {
      summary: 'Nodes, space, files, chunks owed, workers; and this edge',
      tags: ['cluster'],
      response: { 200: statusSchema }
    },
    handler: async () => ({
      ...(await controller.call('status', {})),
      edge: {
        transfers: transfers.running,
        memoryUsedBytes: memory.used,
        memoryWaiting: memory.waiting,
        chunks: reader.chunkStats,
        addresses: addresses.size,
        scans: scans?.counts ?? null
      }
    })
  })
}
