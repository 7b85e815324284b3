/** The HTTP edge: takes uploads, hands out links, redeems them. Holds nothing that must survive. */

import type { AddressInfo } from 'node:net'
import { Server as TlsServer } from 'node:https'
import { PeerbinError } from '../errors.ts'
import type { Service, Timer } from '../interfaces.ts'
import { createApp } from './app.ts'
import { loadAssets } from './assets.ts'
import type { App, EdgeDeps } from './context.ts'
import { Sockets } from './http-server.ts'
import { CertificateReloader, readCertificate } from './tls.ts'
import { ClaimTable } from './transfer/claim-table.ts'
import { Transfers } from './transfer/transfers.ts'

/** After the last connection: reports of downloads and claims that are given back get so long to reach the controller. */
const SETTLE_MS = 1000

/** One start of the edge. */
interface Running {
  readonly app: App
  readonly sockets: Sockets
  readonly transfers: Transfers
  readonly reloader: CertificateReloader | undefined
  readonly url: string
}

export class Edge implements Service {
  readonly #deps: EdgeDeps
  #starting: Promise<Running> | undefined
  #running: Running | undefined
  #stopping: Promise<void> | undefined

  constructor(deps: EdgeDeps) {
    this.#deps = deps
  }

  /** Where it listens: `http://127.0.0.1:8080`, without a slash at the end. Empty before the start. */
  get url(): string {
    return this.#running?.url ?? ''
  }

  /** @throws `config-invalid` for bad certificate files or an address that cannot be listened on */
  async start(): Promise<void> {
    this.#starting ??= this.#open()
    this.#running = await this.#starting
  }

  /** No new connections; transfers under way get `stopMs`, then they are cut; their last reports are waited for. */
  async stop(): Promise<void> {
    if (this.#starting === undefined) return
    this.#stopping ??= this.#close(await this.#starting)
    await this.#stopping
  }

  async #open(): Promise<Running> {
    const { clock, logger, config } = this.#deps
    const certificate = await readCertificate(config.edge)
    const transfers = new Transfers()
    const app = await createApp(
      {
        ...this.#deps,
        assets: await loadAssets(),
        transfers,
        claims: new ClaimTable(config.link),
        url: () => this.url
      },
      certificate,
      () => this.#stopping !== undefined
    )
    const sockets = new Sockets(app.server)
    try {
      await app.listen({ host: config.edge.host, port: config.edge.port, listenTextResolver: () => '' })
    } catch (error) {
      await app.close()
      throw listenError(error, config.edge)
    }
    const reloader =
      certificate === undefined || !(app.server instanceof TlsServer)
        ? undefined
        : new CertificateReloader({
            server: app.server,
            current: certificate,
            config: config.edge,
            clock,
            logger
          })
    await reloader?.start()
    const url = urlOf(app.server.address(), config.edge.host, certificate !== undefined)
    return { app, sockets, transfers, reloader, url }
  }

  async #close({ app, sockets, transfers, reloader }: Running): Promise<void> {
    const { clock, config } = this.#deps
    await reloader?.stop()
    const timer: Timer = clock.setTimer(config.edge.stopMs, () => {
      transfers.cut()
      sockets.destroyAll()
    })
    await app.close()
    timer.cancel()
    await transfers.settle(clock, SETTLE_MS)
  }
}

function urlOf(address: AddressInfo | string | null, host: string, tls: boolean): string {
  const port = typeof address === 'object' && address !== null ? address.port : 0
  // an address that stands for every interface is none to connect to
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host
  return `${tls ? 'https' : 'http'}://${name}:${port}`
}

function listenError(error: unknown, { host, port }: { host: string; port: number }): PeerbinError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason'
  const reasons: Record<string, string> = {
    EADDRINUSE: 'another process listens there',
    EACCES: 'this user may not listen there',
    EADDRNOTAVAIL: 'this machine does not have that address'
  }
  return new PeerbinError(
    'config-invalid',
    `edge.host ${host}, edge.port ${port}: ${reasons[code] ?? code}`,
    { cause: error }
  )
}
