/** Everything that stands in a file of metadata. */

import { DatabaseSync } from 'node:sqlite'

/** Rows of all tables, by table, in the order of their keys. */
export function dumpFile(file: string): Record<string, unknown[]> {
  const database = new DatabaseSync(file)
  try {
    const tables = database.prepare(`select name from sqlite_master where type = 'table' order by name`).all()
    return Object.fromEntries(
      tables.map(({ name }) => {
        const rows = database.prepare(`select * from "${String(name)}"`).all()
        return [String(name), rows.map((row) => ({ ...row }))]
      })
    )
  } finally {
    database.close()
  }
}
