import { DatabaseSync } from 'node:sqlite'

/**
 * In a file that is not in use: no recorded copy counts as given in the present boot of its node any more, until the node was compared. What a lost controller had nodes
 * delete or trim after its last snapshot is recorded there still.
 */
export function forgetBoots(file: string): void {
  const database = new DatabaseSync(file)
  try {
    database.exec('update copies set boot = 0')
  } finally {
    database.close()
  }
}
