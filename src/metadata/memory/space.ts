import type { UploadSpace } from '../../metadata-store.ts'
import type { UserRole } from '../../types.ts'
import type { State } from './state.ts'

export const NO_SPACE: UploadSpace = { role: 'anonymous', bytes: 0, bytesMax: undefined }

/** Live files and open uploads of a role. */
export function usedSpace(state: State, role: UserRole): number {
  const files = [...state.files.values()].filter((file) => file.role === role && file.record.state === 'live')
  const open = [...state.uploads.values()].map(({ opened }) => opened?.space ?? NO_SPACE)
  return (
    files.reduce((sum, { record }) => sum + record.sizeBytes, 0) +
    open.reduce((sum, space) => sum + (space.role === role ? space.bytes : 0), 0)
  )
}
