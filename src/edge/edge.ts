/** The HTTP edge: takes uploads, hands out links, redeems them. Holds nothing that must survive. */

import type { AddressInfo } from 'node:net'
import { Server as TlsServer } from 'node:https'
import { PasswordHasher } from '../client/password-hasher.ts'
import { PeerbinError } from '../errors.ts'
import type { Service } from '../interfaces.ts'
import { sleep } from '../runtime/deadline.ts'
import { openAccounts } from './accounts/open-accounts.ts'
import type { PermissionRow } from './accounts/permissions.ts'
import type { SessionWatch } from './accounts/session-watch.ts'
import { createApp } from './app.ts'
import { loadAssets } from './assets.ts'
import type { App, EdgeDeps } from './context.ts'
import { IndexShelf } from './delivery/index-shelf.ts'
import { EventFeed } from './events/event-feed.ts'
import { HistoryRecorder } from './history/recorder.ts'
import { Sockets } from './http-server.ts'
import type { SocketGateway } from './socket/gateway.ts'
import { AddressLimits } from './limits/address-limits.ts'
import { CertificateReloader, readCertificate } from './tls.ts'
import { ClaimTable } from './transfer/claim-table.ts'
import { Transfers } from './transfer/transfers.ts'
import { UploadLocks } from './tus/upload-locks.ts'
import type { Couriers } from './webhooks/couriers.ts'
import { openWebhooks } from './webhooks/webhooks.ts'

/** After the last connection: reports of downloads and claims that are given back get so long to reach the controller. */
const SETTLE_MS = 1000
const SWEEP_MS = 50

/** One start of the edge. */
interface Running {
  readonly app: App
  readonly permissions: readonly PermissionRow[]
  readonly sockets: Sockets
  readonly gateway: SocketGateway
  readonly transfers: Transfers
  readonly sessions: SessionWatch
  readonly history: HistoryRecorder
  readonly events: EventFeed
  readonly couriers: Couriers
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

  /** Who may call which route of accounts and files. Empty before the start. */
  get permissions(): readonly PermissionRow[] {
    return this.#running?.permissions ?? []
  }

  /** @throws `address-in-use`; `config-invalid` for bad certificate files or an address that cannot be listened on */
  async start(): Promise<void> {
    this.#starting ??= this.#open()
    try {
      this.#running = await this.#starting
    } catch (error) {
      this.#starting = undefined // nothing is open; another attempt may do better
      throw error
    }
  }

  /** No new connections; transfers under way get `stopMs`, then they are cut; their last reports are waited for. */
  async stop(): Promise<void> {
    const starting = this.#starting
    if (starting === undefined) return
    // a start that fails has opened nothing, and tells whoever asked for it
    this.#stopping ??= starting.then(
      (running) => this.#close(running),
      () => undefined
    )
    await this.#stopping
  }

  async #open(): Promise<Running> {
    const { clock, logger, config } = this.#deps
    const certificate = await readCertificate(config.edge)
    const transfers = new Transfers()
    const addresses = new AddressLimits(clock, config)
    const history = new HistoryRecorder({
      ...this.#deps,
      admits: (key, party) => addresses.note(key, party)
    })
    const events = new EventFeed(this.#deps)
    const webhooks = openWebhooks(this.#deps)
    const { accounts, sessions } = openAccounts(this.#deps, () => this.url)
    const { app, permissions, gateway } = await createApp(
      {
        ...this.#deps,
        assets: await loadAssets(),
        transfers,
        claims: new ClaimTable(config.link),
        indexes: new IndexShelf(this.#deps),
        passwords: new PasswordHasher(this.#deps),
        uploadLocks: new UploadLocks(clock),
        addresses,
        accounts,
        sessions,
        history,
        events,
        webhooks,
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
    await webhooks.couriers.start()
    const url = urlOf(app.server.address(), config.edge.host, certificate !== undefined)
    const { couriers } = webhooks
    return {
      app,
      permissions,
      sockets,
      gateway,
      transfers,
      sessions,
      history,
      events,
      couriers,
      reloader,
      url
    }
  }

  async #close(running: Running): Promise<void> {
    const { app, sockets, gateway, transfers, sessions, history, events, couriers, reloader } = running
    const { clock, config } = this.#deps
    await reloader?.stop()
    await Promise.all([events.stop(), couriers.stop()]) // listeners have nothing to finish, and webhooks are told by another edge
    const limit = clock.setTimer(config.edge.stopMs, () => {
      transfers.cut()
      sockets.destroyAll()
    })
    const sweep = new AbortController()
    const sweeping = this.#sweepIdle(app, sweep.signal)
    await Promise.all([gateway.stop(), app.close()])
    limit.cancel()
    sweep.abort()
    await sweeping
    await sessions.stop()
    await transfers.settle(clock, SETTLE_MS)
    await history.stop(SETTLE_MS)
  }

  /** Connections whose last answer ends while the edge stops would be kept for the next request; there is none. */
  async #sweepIdle(app: App, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      app.server.closeIdleConnections()
      await sleep(this.#deps.clock, SWEEP_MS, signal).catch(() => undefined) // aborted: the loop's condition says so
    }
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
    code === 'EADDRINUSE' ? 'address-in-use' : 'config-invalid',
    `edge.host ${host}, edge.port ${port}: ${reasons[code] ?? code}`,
    { cause: error }
  )
}
