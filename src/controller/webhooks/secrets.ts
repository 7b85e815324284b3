/** Secrets of webhooks: sealed in the metadata with the cluster's key, so that a snapshot or a backup in the wrong hands signs nothing. They have to be there to sign with, so that a hash would not do. */

import type { Random } from '../../interfaces.ts'
import type { StoredWebhook } from '../../metadata-webhooks.ts'
import { open, seal } from '../../protocol/sealed.ts'
import type { SealFormat } from '../../protocol/sealed.ts'
import type { WebhookId } from '../../webhooks.ts'

const FORMAT: SealFormat = {
  magic: 'PBWH',
  version: 1,
  info: 'peerbin webhook secrets',
  what: 'the secret of a webhook'
}

export interface SecretsDeps {
  readonly clusterSecret: Uint8Array | undefined
  readonly random: Random
}

export class WebhookSecrets {
  readonly #key: Uint8Array
  readonly #random: Random

  /** A controller without a cluster's secret keeps its metadata in memory only; what seals them then is as short-lived. */
  constructor({ clusterSecret, random }: SecretsDeps) {
    this.#key = clusterSecret ?? random.bytes(32)
    this.#random = random
  }

  seal(id: WebhookId, secret: string): string {
    const sealed = seal(Buffer.from(secret, 'utf8'), this.#key, FORMAT, this.#random, contextOf(id))
    return Buffer.from(sealed).toString('base64')
  }

  /** @throws `data-incompatible` */
  open(id: WebhookId, sealed: string): string {
    const plain = open(Buffer.from(sealed, 'base64'), this.#key, FORMAT, contextOf(id))
    return Buffer.from(plain).toString('utf8')
  }

  /** Those that sign now, the newest first. @throws `data-incompatible` */
  signing({ id, secret, previous }: StoredWebhook, now: number): string[] {
    const sealed = previous !== null && previous.until > now ? [secret, previous.secret] : [secret]
    return sealed.map((each) => this.open(id, each))
  }
}

/** A secret is good for its webhook only: rows cannot change places. */
const contextOf = (id: WebhookId): Uint8Array => Buffer.from(id, 'utf8')
