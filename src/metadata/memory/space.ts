import type { SpaceKey, UploadSpace } from '../../metadata-store.ts'
import type { State } from './state.ts'

export const NO_SPACE: UploadSpace = { key: 'anonymous', bytes: 0, bytesMax: undefined }

/** Live files and open uploads of a space. */
export function usedSpace(state: State, key: SpaceKey): number {
  const files = [...state.files.values()].filter(
    (file) => file.space === key && file.isCounted && file.record.state === 'live'
  )
  const open = [...state.uploads.values()].map(({ opened }) => opened?.space ?? NO_SPACE)
  return (
    files.reduce((sum, { record }) => sum + record.sizeBytes, 0) +
    open.reduce((sum, space) => sum + (space.key === key ? space.bytes : 0), 0)
  )
}
