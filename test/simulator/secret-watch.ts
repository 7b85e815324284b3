/** A logger that looks for secrets in what it is told (invariant G). */

import type { LogFields, Logger } from '../../src/interfaces.ts'
import { ViolationError } from './ledger.ts'

export interface SecretWatch {
  /** Everything that must not be logged. */
  readonly secrets: () => Iterable<string>
  readonly onViolation: (error: ViolationError) => void
}

/** Lines are kept until the secrets in them are known: a token may be logged before its uploader has it. */
export class WatchingLogger implements Logger {
  readonly #watch: SecretWatch
  readonly #fields: LogFields
  readonly #lines: string[]

  constructor(watch: SecretWatch, fields: LogFields = {}, lines: string[] = []) {
    this.#watch = watch
    this.#fields = fields
    this.#lines = lines
  }

  debug(message: string, fields?: LogFields): void {
    this.#write(message, fields)
  }

  info(message: string, fields?: LogFields): void {
    this.#write(message, fields)
  }

  warn(message: string, fields?: LogFields): void {
    this.#write(message, fields)
  }

  error(message: string, fields?: LogFields): void {
    this.#write(message, fields)
  }

  child(fields: LogFields): Logger {
    return new WatchingLogger(this.#watch, { ...this.#fields, ...fields }, this.#lines)
  }

  /** Looks through all that was logged. */
  check(): void {
    const text = this.#lines.join('\n')
    for (const secret of this.#watch.secrets()) {
      if (!text.includes(secret)) continue
      const line = this.#lines.find((candidate) => candidate.includes(secret)) ?? ''
      this.#watch.onViolation(new ViolationError('G', `a secret was logged: ${line.slice(0, 200)}`))
      return
    }
  }

  #write(message: string, fields: LogFields = {}): void {
    const { err, ...rest } = fields
    const cause = err instanceof Error ? `${err.message} ${String(err.cause)}` : ''
    this.#lines.push(`${message} ${JSON.stringify(rest)} ${cause}`)
  }
}
