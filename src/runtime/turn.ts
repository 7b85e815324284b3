/** Turns of the process's loop: between two of them it looks at its sockets, and at its timers. */

/** Of those that wait, so many go on in one turn: a few ms of work with a piece of a transfer each, so that a loop with thousands of them stays quick to answer. */
const PER_TURN = 16

const waiting: Array<() => void> = []
let isSet = false

/**
 * Calls back in a later turn, after sockets that have something to say were heard, in order of arrival. For work that would otherwise go on from itself for as long as nobody makes
 * it wait. Each waits with one thing at a time, so there are never more of them than there are transfers.
 */
export function afterTurn(callback: () => void): void {
  waiting.push(callback)
  arm()
}

function arm(): void {
  if (isSet || waiting.length === 0) return
  isSet = true
  setImmediate(() => {
    isSet = false
    const some = waiting.splice(0, PER_TURN)
    arm()
    for (const callback of some) callback()
  })
}
