/**
 * Digests of uploads that go on later are computed by WebAssembly, which is compiled by other threads and made ready in a later turn of the event loop. Virtual time would not wait for
 * that, and how far it had gone by then depended on the machine: here both are done at once.
 */

import { createMD5, createSHA256 } from 'hash-wasm'

/** What of it is needed here: the checker knows no WebAssembly without the DOM. */
interface Engine {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object, imports?: object) => object
}

const { WebAssembly: engine } = globalThis as unknown as { WebAssembly: Engine }
const { Module, Instance } = engine
Object.assign(engine, {
  compile: async (bytes: Uint8Array) => new Module(bytes),
  instantiate: async (module: object, imports?: object) => new Instance(module, imports)
})

// compiled once in a process: the first schedule must not differ from those behind it
await Promise.all([createSHA256(), createMD5()])
