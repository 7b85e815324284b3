/** How a change of a file is noticed without reading it. */

import type { BigIntStats } from 'node:fs'
import type { LocalFile } from '../../sync/folder.ts'

/** Clocks of file systems tick every few ms, those of FAT every two seconds: what was modified within this time may be modified again unnoticed. */
const TICK_MS = 2000
const NS_PER_MS = 1_000_000n

/**
 * Size, both times and the number of the file: programs can set the time of modification back, but not that of the change. Renaming changes it too, and costs a
 * reading of the file, as anything does that is not ours.
 */
export const stampOf = (stats: BigIntStats): string =>
  `${stats.size}-${stats.mtimeNs}-${stats.ctimeNs}-${stats.dev}-${stats.ino}`

/** The same without what a rename or a second name changes. */
export const contentStampOf = (stats: BigIntStats): string =>
  `${stats.size}-${stats.mtimeNs}-${stats.dev}-${stats.ino}`

export function localFileOf(path: string, stats: BigIntStats, now: number): LocalFile {
  const modifiedAt = Number(stats.mtimeNs / NS_PER_MS)
  return {
    path,
    sizeBytes: Number(stats.size),
    modifiedAt,
    stamp: stampOf(stats),
    settled: Math.abs(now - modifiedAt) > TICK_MS
  }
}
