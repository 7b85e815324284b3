/** Looks for TCP ports before the peer network binds them. */

import { createServer } from 'node:net'

/** Binds and gives back; answers the port that was bound, or undefined when it cannot be. */
async function probe(host: string, port: number): Promise<number | undefined> {
  const server = createServer()
  try {
    return await new Promise<number | undefined>((resolve) => {
      server.once('error', () => resolve(undefined)) // taken, or not ours to bind: either way not to be had
      server.listen({ host, port, exclusive: true }, () => {
        const address = server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : undefined)
      })
    })
  } finally {
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  }
}

/** `preferred` when it can be had, else any free one, else 0. Another process may still take it first. */
export async function freePort(host: string, preferred: number): Promise<number> {
  if (preferred !== 0 && (await probe(host, preferred)) !== undefined) return preferred
  return (await probe(host, 0)) ?? 0
}
