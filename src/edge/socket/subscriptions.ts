/** Pools whose events one socket gets, beside its user's own. */

import { PeerbinError, asPeerbinError } from '../../errors.ts'
import type { PoolId } from '../../pools.ts'
import { abortScope } from '../../runtime/deadline.ts'
import type { AbortScope } from '../../runtime/deadline.ts'
import { poolIdOf } from '../events/pool-id.ts'
import { errorAnswer } from './errors.ts'
import { SUBSCRIPTIONS_MAX } from './messages.ts'
import type { SubscribeMessage, UnsubscribeMessage } from './messages.ts'
import { pushPool } from './pushed-event.ts'
import type { PushDeps, PushedEvents } from './pushed-event.ts'

export class Subscriptions {
  readonly #deps: PushDeps
  readonly #pools = new Map<PoolId, AbortScope>()

  /** @param deps.signal aborts with the socket */
  constructor(deps: PushDeps) {
    this.#deps = deps
  }

  /** Answers it, and pushes what happens in the pool from then on. @throws why there is nothing to push */
  async add({ id, pool: text, ...from }: SubscribeMessage): Promise<void> {
    const pool = poolIdOf(text)
    if (this.#pools.has(pool)) throw new PeerbinError('bad-request', 'This socket has this pool already.')
    if (this.#pools.size >= SUBSCRIPTIONS_MAX)
      throw new PeerbinError('too-many-transfers', `A socket has at most ${SUBSCRIPTIONS_MAX} pools.`)
    const scope = abortScope(this.#deps.signal)
    this.#pools.set(pool, scope)
    try {
      const { outbox } = this.#deps
      const pushed = await pushPool({ ...this.#deps, signal: scope.signal }, { pool, ...from })
      outbox.send({ type: 'subscribed', re: id, pool, cursor: pushed.cursor })
      void this.#run(pool, scope, pushed.run())
    } catch (error) {
      this.#drop(pool, scope)
      throw error
    }
  }

  remove({ id, pool: text }: UnsubscribeMessage): void {
    const pool = poolIdOf(text)
    const scope = this.#pools.get(pool)
    if (scope !== undefined) this.#drop(pool, scope)
    this.#deps.outbox.send({ type: 'unsubscribed', re: id, pool })
  }

  /** Never rejects. */
  async #run(pool: PoolId, scope: AbortScope, pushing: ReturnType<PushedEvents['run']>): Promise<void> {
    let error = new PeerbinError('pool-unknown') // where it ends by itself: the last event has said why
    try {
      if ((await pushing) === 'stopping') return
    } catch (thrown) {
      error = asPeerbinError(thrown)
    }
    if (scope.signal.aborted) return // the socket has gone, or nobody wants it any more
    this.#drop(pool, scope)
    const { type: _error, code, error: sentence, oldest, newest } = errorAnswer(error)
    const places = { ...(oldest !== undefined && { oldest }), ...(newest !== undefined && { newest }) }
    this.#deps.outbox.send({ type: 'unsubscribed', pool, code, error: sentence, ...places })
  }

  #drop(pool: PoolId, scope: AbortScope): void {
    if (this.#pools.get(pool) === scope) this.#pools.delete(pool)
    scope.abort(new PeerbinError('aborted'))
    scope[Symbol.dispose]()
  }
}
