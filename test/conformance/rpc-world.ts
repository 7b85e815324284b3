/** A server, a client and a table of messages to test requests and answers with. */

import type { Test } from 'tap'
import { z } from 'zod'
import type { Clock, Network } from '../../src/interfaces.ts'
import { createCaller } from '../../src/protocol/rpc-client.ts'
import { serve } from '../../src/protocol/rpc-server.ts'
import type { ServeLimits } from '../../src/protocol/rpc-server.ts'
import type { CallOptions, RpcCaller, RpcHandlers } from '../../src/protocol/rpc.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import type { Role } from '../../src/types.ts'
import type { NetworkFactory } from './network.ts'
import { addressOf, pattern } from './network-steps.ts'

export const PROTOCOL = '/conformance/rpc/1'

const plain = { request: z.object({ n: z.int() }), response: z.object({ n: z.int() }) }
export const messages = {
  double: { ...plain, requestBody: false, responseBody: false },
  store: { ...plain, requestBody: true, responseBody: false },
  load: { ...plain, requestBody: false, responseBody: true }
} as const
type Messages = typeof messages
type Handlers = RpcHandlers<Messages>

export const policy = { double: ['edge', 'node'], store: ['edge'], load: ['edge'] } as const satisfies Record<
  keyof Messages,
  readonly Role[]
>

/** Handlers that work; each can be replaced. */
export const working: Handlers = {
  double: async ({ message }) => ({ message: { n: message.n * 2 } }),
  store: async ({ body }) => {
    const memory = new Uint8Array(body?.sizeBytes ?? 0)
    await body?.readInto(memory)
    return { message: { n: sum(memory) } }
  },
  load: async ({ message }) => ({
    message: { n: message.n },
    body: { sizeBytes: message.n, pieces: [pattern(message.n)] }
  })
}

export interface World {
  /** Calls `server` with the role edge. */
  readonly caller: RpcCaller<Messages>
  readonly client: Network
  readonly server: Network
  /** Streams that the client opened so far. */
  readonly opened: () => number
  readonly stopServing: () => Promise<void>
}

/** Where the time of one side is not the real one. */
export interface Clocks {
  readonly client?: Clock
  readonly server?: Clock
}

export type Make = (
  handlers?: Partial<Handlers>,
  limits?: Partial<ServeLimits>,
  clocks?: Clocks
) => Promise<World>
export type Define = (name: string, body: (t: Test, make: Make) => Promise<void>) => void

export async function createWorld(
  t: Test,
  factory: NetworkFactory,
  handlers: Partial<Handlers>,
  limits: Partial<ServeLimits>,
  clocks: Clocks = {}
): Promise<World> {
  const [client, server] = [await factory.create(), await factory.create()]
  // deadlines alone do not keep a process alive, and a network in memory has nothing that does
  const alive = setInterval(() => {}, 1000)
  const shared = { protocol: PROTOCOL, messages }
  const serving = serve({
    ...shared,
    clock: clocks.server ?? systemClock,
    network: server,
    policy,
    handlers: { ...working, ...handlers },
    logger: silentLogger,
    limits
  })
  await Promise.all([client.start(), server.start()])
  await client.connect(addressOf(server))
  let opened = 0
  const counting: Network = Object.create(client, {
    open: {
      value: async (...args: Parameters<Network['open']>) => {
        opened++
        return await client.open(...args)
      }
    }
  }) as Network
  const caller = createCaller({
    ...shared,
    clock: clocks.client ?? systemClock,
    network: counting,
    role: 'edge'
  })
  t.teardown(async () => {
    clearInterval(alive)
    caller.close()
    await serving.stop()
    await Promise.all([client.stop(), server.stop()])
  })
  return { caller, client, server, opened: () => opened, stopServing: () => serving.stop() }
}

export const options = (more: Partial<CallOptions> = {}): CallOptions => ({ timeoutMs: 20_000, ...more })
export const storing = (bytes: Uint8Array): CallOptions =>
  options({ body: { sizeBytes: bytes.byteLength, pieces: [bytes] } })
export const loading = (): CallOptions => options({ allocate: (size) => new Uint8Array(size) })
export const sum = (bytes: Uint8Array): number => bytes.reduce((total, byte) => total + byte, 0)
