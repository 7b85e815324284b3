/** The edge's own certificate: read at start, and again when its files change. */

import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import type { Config } from '../config.ts'
import { PeerbinError } from '../errors.ts'
import type { Clock, Logger, Service, Timer } from '../interfaces.ts'

/** PEM texts. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

async function readPem(path: string, setting: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new PeerbinError('config-invalid', `${setting}: cannot read ${path}`, { cause: error })
  }
}

/** The certificate of the settings; undefined when there is none. @throws `config-invalid`, saying which file and why */
export async function readCertificate(config: Config['edge']): Promise<Certificate | undefined> {
  const { tlsCert, tlsKey } = config
  if (tlsCert === '' && tlsKey === '') return undefined
  if (tlsCert === '' || tlsKey === '')
    throw new PeerbinError('config-invalid', 'edge.tlsCert and edge.tlsKey: both are needed, or neither')
  const certificate = {
    cert: await readPem(tlsCert, 'edge.tlsCert'),
    key: await readPem(tlsKey, 'edge.tlsKey')
  }
  try {
    // a secure context alone would take an empty file, as a reader sees it while it is being replaced
    if (!new X509Certificate(certificate.cert).checkPrivateKey(createPrivateKey(certificate.key)))
      throw new Error('the key does not belong to the certificate')
    createSecureContext(certificate)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new PeerbinError(
      'config-invalid',
      `edge.tlsCert ${tlsCert} and edge.tlsKey ${tlsKey} cannot be used: ${reason}`,
      {
        cause: error
      }
    )
  }
  return certificate
}

export interface CertificateReloaderDeps {
  /** A TLS server. */
  readonly server: { setSecureContext(certificate: Certificate): void }
  readonly current: Certificate
  readonly config: Config['edge']
  readonly clock: Clock
  readonly logger: Logger
}

/** Looks at the files every `tlsReloadMs`; new connections get the new certificate, those that are open stay. */
export class CertificateReloader implements Service {
  readonly #deps: CertificateReloaderDeps
  #current: Certificate
  #timer: Timer | undefined
  #stopped = false
  #checking: Promise<void> = Promise.resolve()

  constructor(deps: CertificateReloaderDeps) {
    this.#deps = deps
    this.#current = deps.current
  }

  async start(): Promise<void> {
    this.#arm()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    await this.#checking
  }

  #arm(): void {
    if (this.#stopped) return
    this.#timer = this.#deps.clock.setTimer(
      this.#deps.config.tlsReloadMs,
      () => {
        this.#checking = this.#check().finally(() => this.#arm())
      },
      { unref: true }
    )
  }

  /** Never rejects: with bad files the old certificate stays. */
  async #check(): Promise<void> {
    try {
      const next = await readCertificate(this.#deps.config)
      if (next === undefined || (next.cert === this.#current.cert && next.key === this.#current.key)) return
      this.#deps.server.setSecureContext(next)
      this.#current = next
      this.#deps.logger.info('the certificate was renewed')
    } catch (error) {
      // certificate and key are two files, and may be seen while only one has been replaced
      this.#deps.logger.warn('the certificate files cannot be used; the old certificate stays', {
        err: error
      })
    }
  }
}
