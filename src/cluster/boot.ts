/**
 * Boot numbers order the starts of a process, so that heartbeats of an earlier start are ignored. Each is greater than the stored
 * one; a process whose disk was wiped, and whose clock may be behind, is told by its peers (`stale` in their heartbeats) what they last saw
 * of it and goes above that.
 */

/** Room above any time in ms for raising; what is greater does not come from here and is not followed. */
export const BOOT_MAX = Number.MAX_SAFE_INTEGER - 2 ** 20

export interface BootSources {
  /** Last boot this process stored; 0 when it never did. */
  stored: number
  /** Wall clock, ms since the epoch. */
  now: number
  /** Greatest boot of ours that peers say they know. */
  reported?: number
}

/** The number of the start that begins now. */
export function nextBoot({ stored, now, reported = 0 }: BootSources): number {
  const known = Math.max(stored, reported <= BOOT_MAX ? reported : 0)
  return Math.max(known + 1, Math.floor(now), 1)
}
