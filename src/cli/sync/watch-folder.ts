/** Tells at which paths of a folder something may have changed. */

import { relative, sep } from 'node:path'
import { watch } from 'chokidar'
import { PeerbinError } from '../../errors.ts'
import { STATE_FOLDER } from '../../sync/folder.ts'

/** Paths that wait to be taken; of more it is only said that something changed. */
const PENDING_MAX = 2000

/** Until the signal aborts. @throws local-file when the system watches no more (its number of watches is used up) */
export async function* watchFolder(root: string, signal: AbortSignal): AsyncGenerator<readonly string[]> {
  const own = `${root}${sep}${STATE_FOLDER}`
  const watcher = watch(root, {
    ignoreInitial: true,
    followSymlinks: false,
    ignored: (path) => path === own || path.startsWith(own + sep)
  })
  const pending = new Set<string>()
  let failure: unknown
  let wake = (): void => {}
  watcher.on('all', (_event, path) => {
    if (pending.size < PENDING_MAX) pending.add(relative(root, path).split(sep).join('/').normalize('NFC'))
    wake()
  })
  watcher.on('error', (error) => {
    failure = error
    wake()
  })
  const onAbort = (): void => wake()
  signal.addEventListener('abort', onAbort)
  try {
    while (!signal.aborted) {
      if (failure !== undefined)
        throw new PeerbinError('local-file', 'cannot watch the folder', { cause: failure })
      if (pending.size === 0) await new Promise<void>((resolve) => (wake = resolve))
      if (pending.size === 0) continue
      const isAll = pending.size >= PENDING_MAX || pending.has('')
      const paths = isAll ? [] : [...pending]
      pending.clear()
      yield paths
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    await watcher.close()
  }
}
