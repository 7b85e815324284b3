/** The part of chai and chai-as-promised that interface-blockstore-tests uses. An assertion it does not know throws. */

import assert from 'node:assert/strict'

/** A value, or (after `eventually`) a promise of one, and what to do with it. */
class Expectation implements PromiseLike<void> {
  readonly #value: () => unknown
  readonly #eventually: boolean
  #checks: Promise<unknown> | undefined

  constructor(value: () => unknown, eventually = false) {
    this.#value = value
    this.#eventually = eventually
  }

  get to(): this {
    return this
  }
  get be(): this {
    return this
  }
  get have(): this {
    return this
  }
  get of(): this {
    return this
  }
  get with(): this {
    return this
  }
  get that(): this {
    return this
  }
  get deep(): this {
    return this
  }

  get eventually(): Expectation {
    return new Expectation(this.#value, true)
  }

  /** Goes on with the error; the promise must reject. */
  get rejected(): Expectation {
    return new Expectation(async () => {
      try {
        await this.#value()
      } catch (error) {
        return error
      }
      return assert.fail('was expected to reject')
    }, true)
  }

  equal(expected: unknown): this {
    return this.#check((value) => assert.deepEqual(plain(value), plain(expected)))
  }

  true(): this {
    return this.#check((value) => assert.equal(value, true))
  }

  false(): this {
    return this.#check((value) => assert.equal(value, false))
  }

  ok(): this {
    return this.#check((value) => assert.ok(value))
  }

  lengthOf(length: number): this {
    return this.#check((value) => assert.equal(Array.isArray(value) ? value.length : undefined, length))
  }

  /** Goes on with the property. */
  property(name: string, ...expected: [] | [unknown]): Expectation {
    const read = (value: unknown): unknown => {
      const found: unknown = Reflect.get(Object(value), name)
      if (expected.length === 1) assert.equal(found, expected[0])
      else assert.notEqual(found, undefined)
      return found
    }
    if (!this.#eventually) {
      const found = read(this.#value())
      return new Expectation(() => found)
    }
    return new Expectation(async () => read(await this.#value()), true)
  }

  include(part: string): this {
    return this.#check((value) =>
      assert.ok(String(value).includes(part), `${String(value)} should include ${part}`)
    )
  }

  // oxlint-disable-next-line unicorn/no-thenable -- an assertion on a promise is awaited, as in chai-as-promised
  then<A = void, B = never>(
    onDone?: ((value: void) => A | PromiseLike<A>) | null,
    onFailed?: ((error: unknown) => B | PromiseLike<B>) | null
  ): Promise<A | B> {
    const checks = this.#checks ?? Promise.resolve(this.#value())
    return checks.then(() => undefined).then(onDone, onFailed)
  }

  #check(check: (value: unknown) => void): this {
    if (this.#eventually) this.#checks = Promise.resolve(this.#value()).then(check)
    else check(this.#value())
    return this
  }
}

/** A Buffer is a Uint8Array to chai. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Uint8Array.from(value)
  if (Array.isArray(value)) return value.map(plain)
  if (value !== null && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
  }
  return value
}

export const expect = (value: unknown): Expectation => new Expectation(() => value)
