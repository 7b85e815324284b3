import { askPassword, namedPassword } from '../password/sources.ts'
import type { PasswordOptions } from '../password/sources.ts'
import type { CliContext } from '../context.ts'

/** The password of one link: looked for when the server asks for it, and only once. */
export class LinkPassword {
  readonly #options: PasswordOptions
  readonly #context: CliContext
  #text: string | undefined

  constructor(options: PasswordOptions, context: CliContext) {
    this.#options = options
    this.#context = context
  }

  /** As far as it was needed yet. */
  get known(): string | undefined {
    return this.#text
  }

  /** @throws as namedPassword and askPassword */
  async get(): Promise<string> {
    this.#text ??=
      (await namedPassword(this.#options, this.#context)) ??
      (await askPassword('Password of the link: ', this.#context))
    return this.#text
  }
}
