import type { MetadataStore } from '../../../src/metadata-store.ts'

/** A store with some operations in place of its own. */
export function withOperations(store: MetadataStore, own: Partial<MetadataStore>): MetadataStore {
  return new Proxy(store, {
    get: (target, name) => (Reflect.get(own, name) ?? Reflect.get(target, name, target)) as unknown
  })
}
