/** What the clients of a chaos run saw, and what must hold of it in the end. Invariants A, B and C of the fault model. */

/** One redeemer of one file: it holds its own claim secret, whatever edge it talks to. */
export interface Redeemer {
  /** `won`: it got the whole file; `refused`: it was told that the link is used; `suspended`: that somebody has to look at it first; `open`: none yet. */
  outcome: 'open' | 'won' | 'refused' | 'suspended'
  /** Body bytes it got, resumed parts added up. */
  bytes: number
  /** SHA-256 of what it got in the end. */
  sha256: string | null
  /** Claims it was granted (303 to a claim URL, or a body). */
  granted: boolean
  /** When it asked first, in ms of the run. */
  startedMs: number
}

export interface FileEntry {
  index: number
  /** Content follows from this; two files with the same one share their chunks. */
  content: number
  sizeBytes: number
  sha256: string
  /** `refused`: it was certainly not stored; `unknown`: the answer was lost or an error of the cluster, and the file may exist or not. */
  upload: 'acknowledged' | 'unknown' | 'refused'
  /** Why it was not acknowledged: `503 no-controller`, `ECONNREFUSED`, …; null when it was. */
  reason: string | null
  /** Present when acknowledged. */
  fileId: string | null
  /** Path of the link, `/d/…`; present when acknowledged. */
  path: string | null
  /** Path and query that withdraw the link; present when acknowledged. */
  deletePath: string | null
  acknowledgedMs: number
  /** `unknown`: it was asked for, and the answer was lost. */
  revoked: 'no' | 'unknown' | 'acknowledged'
  revokedMs: number
  /**
   * After the controller was lost and recovered: `kept`: the link is suspended, and stays so because somebody was granted it before; `resumed`: it was, and since
   * nobody ever was, an administrator let it live again.
   */
  suspended: 'no' | 'kept' | 'resumed'
  redeemers: Redeemer[]
  /** What a stranger was told of the link in the end: undefined when nobody asked. */
  afterwards?: 'refused' | 'suspended' | 'granted' | 'no answer'
}

export type Invariant =
  | 'A'
  | 'B'
  | 'C'
  | 'link lost'
  | 'revoked'
  | 'deleted bytes'
  | 'copies'
  | 'died by itself'

export interface Violation {
  invariant: Invariant
  /** Number of the file; null when it is not about one. */
  file: number | null
  text: string
  /** A moment to look at, in ms of the run. */
  atMs: number
}

/** Everything wrong with one file's history, once the run has healed and every acknowledged file was asked for. */
function checkFile(file: FileEntry): Violation[] {
  const found: Violation[] = []
  const say = (invariant: Invariant, text: string, atMs = file.acknowledgedMs): void => {
    found.push({ invariant, file: file.index, text, atMs })
  }
  if (file.upload !== 'acknowledged') return found
  const winners = file.redeemers.filter((redeemer) => redeemer.outcome === 'won')
  const served = file.redeemers.filter((redeemer) => redeemer.granted || redeemer.bytes > 0)
  if (served.length > 1)
    say('C', `${served.length} redeemers were granted one link`, served[1]?.startedMs ?? 0)
  for (const winner of winners) {
    if (winner.sha256 !== file.sha256)
      say('B', `a download differs: ${winner.bytes} of ${file.sizeBytes} bytes`, winner.startedMs)
  }
  if (file.afterwards === 'granted') say('C', 'a used link was granted again after the run')
  if (file.revoked === 'acknowledged') {
    const late = served.find((redeemer) => redeemer.startedMs > file.revokedMs)
    if (late !== undefined) say('revoked', 'a withdrawn link was granted', late.startedMs)
  }
  // of a file that was withdrawn, or may have been, nobody need get anything; whether a suspended one was got, a person has to ask
  if (winners.length > 0 || file.revoked !== 'no' || file.suspended === 'kept') return found
  if (served.length > 0)
    say('A', 'the claimant could not get the whole file', served[0]?.startedMs ?? file.acknowledgedMs)
  else if (file.redeemers.some((redeemer) => redeemer.outcome === 'refused'))
    say('link lost', 'used, and nobody got it')
  else say('A', 'an acknowledged file was never delivered')
  return found
}

export const checkLedger = (files: readonly FileEntry[]): Violation[] => files.flatMap(checkFile)

/** Whether every file with that content has been delivered or withdrawn, for sure: its bytes must go from the disks. */
export function deletedContents(files: readonly FileEntry[]): Map<number, FileEntry> {
  const gone = new Map<number, FileEntry>()
  const kept = new Set<number>()
  for (const file of files) {
    const delivered = file.redeemers.some((redeemer) => redeemer.outcome === 'won')
    const used = delivered || file.revoked === 'acknowledged'
    const deleted = file.upload === 'acknowledged' && used && file.suspended !== 'kept'
    if (deleted) gone.set(file.content, file)
    else if (file.upload !== 'refused') kept.add(file.content)
  }
  for (const content of kept) gone.delete(content)
  return gone
}
