/** Looks for TCP ports before the peer network binds them. */

import { createServer } from 'node:net'

/** Why a port cannot be had: `taken` by another process, or `refused` by the system (not this machine's address, not for this user). */
export type PortProblem = 'taken' | 'refused'

/** Binds and gives back; answers the port that was bound, or why it cannot be. */
export async function probePort(host: string, port: number): Promise<number | PortProblem> {
  const server = createServer()
  try {
    return await new Promise<number | PortProblem>((resolve) => {
      server.once('error', (error: NodeJS.ErrnoException) =>
        resolve(error.code === 'EADDRINUSE' ? 'taken' : 'refused')
      )
      server.listen({ host, port, exclusive: true }, () => {
        const address = server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : 'refused')
      })
    })
  } finally {
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  }
}

/** `preferred` when it can be had, else any free one, else 0. Another process may still take it first. */
export async function freePort(host: string, preferred: number): Promise<number> {
  if (preferred !== 0 && (await probePort(host, preferred)) === preferred) return preferred
  const any = await probePort(host, 0)
  return typeof any === 'number' ? any : 0
}
