/**
 * A process that stores files and claims links without pause and prints each acknowledgement as a line, until it is killed. Arguments: the file of the
 * metadata, and a number that makes its names differ from those of other lives.
 */

import { writeSync } from 'node:fs'
import { SqliteMetadataStore } from '../../src/metadata/sqlite-metadata-store.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { addFile, claim } from '../conformance/metadata-fixture.ts'

const [file, life] = process.argv.slice(2)
if (file === undefined || life === undefined) throw new Error('usage: acknowledging-child FILE LIFE')

const store = new SqliteMetadataStore({ file, operationsWaitingMax: 1000, logger: silentLogger })
await store.open()

/** Written at once, not when the event loop comes round to it. */
const acknowledge = (what: string, name: string): void => void writeSync(1, `${what} ${name}\n`)

async function work(worker: number): Promise<never> {
  for (let i = 0; ; i++) {
    const name = `${life}-${worker}-${i}`
    await addFile(store, name, { chunks: ['shared', name] })
    acknowledge('stored', name)
    const answer = await claim(store, name, `secret of ${name}`)
    if (answer.outcome === 'claimed') acknowledge('claimed', name)
  }
}

await Promise.all(Array.from({ length: 8 }, (_, worker) => work(worker)))
