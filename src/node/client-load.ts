import type { RpcAnswer, RpcRequest } from '../protocol/rpc.ts'

type Handler<Message, Answer> = (request: RpcRequest<Message>) => Promise<RpcAnswer<Answer>>

/**
 * Counts requests of clients under way: what runs in the background makes way for them. Only edges are clients; what nodes ask of each other may itself be
 * background work.
 */
export class ClientLoad {
  #underWay = 0

  get underWay(): number {
    return this.#underWay
  }

  /** The same handler, counted from its request until its answer was handed over. */
  counted<Message, Answer>(handler: Handler<Message, Answer>): Handler<Message, Answer> {
    return async (request) => {
      if (request.role !== 'edge') return await handler(request)
      this.#underWay++
      let counted = true
      const end = (): void => {
        if (counted) this.#underWay--
        counted = false
      }
      try {
        const answer = await handler(request)
        const done = (): void => {
          end()
          answer.done?.()
        }
        return { ...answer, done }
      } catch (error) {
        end()
        throw error
      }
    }
  }
}
