/** What the clients of a chaos run saw, and what must hold of it in the end. Invariants A, B and C of the fault model. */

/** One redeemer of one file: it holds its own claim secret, whatever edge it talks to. */
export interface Redeemer {
  /** `won`: it got the whole file; `refused`: it was told that the link is used; `open`: neither yet. */
  outcome: 'open' | 'won' | 'refused'
  /** Body bytes it got, resumed parts added up. */
  bytes: number
  /** SHA-256 of what it got in the end. */
  sha256: string | null
  /** Claims it was granted (303 to a claim URL, or a body). */
  granted: boolean
}

export interface FileEntry {
  index: number
  sizeBytes: number
  sha256: string
  /** `refused`: it was certainly not stored; `unknown`: the answer was lost or an error of the cluster, and the file may exist or not. */
  upload: 'acknowledged' | 'unknown' | 'refused'
  /** Why it was not acknowledged: `503 no-controller`, `ECONNREFUSED`, …; null when it was. */
  reason: string | null
  /** Path of the link, `/d/…`; present when acknowledged. */
  path: string | null
  redeemers: Redeemer[]
}

export interface Violation {
  invariant: 'A' | 'B' | 'C' | 'link lost'
  file: number
  text: string
}

/** Everything wrong with one file's history, once the run has healed and every acknowledged file was asked for. */
function checkFile(file: FileEntry): Violation[] {
  const found: Violation[] = []
  const say = (invariant: Violation['invariant'], text: string): void => {
    found.push({ invariant, file: file.index, text })
  }
  if (file.upload !== 'acknowledged') return found
  const winners = file.redeemers.filter((redeemer) => redeemer.outcome === 'won')
  const served = file.redeemers.filter((redeemer) => redeemer.granted || redeemer.bytes > 0)
  if (served.length > 1) say('C', `${served.length} redeemers were granted one link`)
  for (const winner of winners) {
    if (winner.sha256 !== file.sha256)
      say('B', `a download differs: ${winner.bytes} of ${file.sizeBytes} bytes`)
  }
  if (winners.length === 0) {
    if (served.length > 0) say('A', 'the claimant could not get the whole file')
    else if (file.redeemers.some((redeemer) => redeemer.outcome === 'refused'))
      say('link lost', 'used, and nobody got it')
    else say('A', 'an acknowledged file was never delivered')
  }
  return found
}

export const checkLedger = (files: readonly FileEntry[]): Violation[] => files.flatMap(checkFile)
