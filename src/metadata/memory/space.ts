import type { SpaceKey, UploadSpace } from '../../metadata-store.ts'
import type { ChunkId } from '../../types.ts'
import type { BlockRow, State } from './state.ts'

export const NO_SPACE: UploadSpace = { key: 'anonymous', bytes: 0, bytesMax: undefined }

/** Live files, open uploads and blocks of a space. */
export function usedSpace(state: State, key: SpaceKey): number {
  const files = [...state.files.values()].filter(
    (file) => file.space === key && file.isCounted && file.record.state === 'live'
  )
  const open = [...state.uploads.values()].map(({ opened }) => opened?.space ?? NO_SPACE)
  return (
    files.reduce((sum, { record }) => sum + record.sizeBytes, 0) +
    open.reduce((sum, space) => sum + (space.key === key ? space.bytes : 0), 0) +
    stagedBytes(state, key)
  )
}

export function usedByUsers(state: State): number {
  const opened = [...state.uploads.values()].map((upload) => upload.opened?.space ?? NO_SPACE)
  const keys = new Set([
    ...[...state.files.values()].map(({ space }) => space),
    ...opened.map(({ key }) => key),
    ...state.blocks.keys()
  ])
  return [...keys].filter((key) => key !== 'anonymous').reduce((sum, key) => sum + usedSpace(state, key), 0)
}

export const blocksOf = (state: State, key: SpaceKey): Map<ChunkId, BlockRow> =>
  state.blocks.get(key) ?? new Map<ChunkId, BlockRow>()

export const stagedBytes = (state: State, key: SpaceKey): number =>
  [...blocksOf(state, key).values()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
