/** Addresses of one file in the API, and what of it somebody wants to look at. */

import { segment } from '../account/api.ts'
import type { FileRow } from '../account/shapes.ts'

export const fileApi = (id: string): string => `/api/files/${segment(id)}`

/** @param version default: the current one */
export const downloadPath = (file: { file_id: string }, version?: number): string =>
  `/api/files/download/${segment(file.file_id)}${version === undefined ? '' : `?version=${version}`}`

export const SECTIONS = ['details', 'share', 'versions', 'rename', 'remove'] as const
export type Section = (typeof SECTIONS)[number]

/** A file whose sheet is open. */
export interface Opened {
  readonly file: FileRow
  readonly section: Section
}
