/** Many changes are few looks at the server: soon after the first one, and ever less often while they go on. */

const SOON_MS = 250
const PAUSE_MS = 500
const PAUSE_MS_MAX = 3000
const PAUSE_GROWTH = 1.5

export interface Gathering {
  /** Something is different. */
  note: () => void
  /** Looks are put off, and made up for afterwards. */
  hold: (isHeld: boolean) => void
  end: () => void
}

export function gather(look: () => void): Gathering {
  let timer: ReturnType<typeof setTimeout> | undefined
  let isDue = false
  let isHeld = false
  /** After a look; a change in it is looked at when it is over. */
  let pauseMs = 0
  const wait = (ms: number): void => {
    timer = setTimeout(() => {
      timer = undefined
      if (isHeld) return
      if (!isDue) pauseMs = 0
      else {
        isDue = false
        pauseMs = pauseMs === 0 ? PAUSE_MS : Math.min(PAUSE_MS_MAX, pauseMs * PAUSE_GROWTH)
        look()
        wait(pauseMs)
      }
    }, ms)
  }
  const begin = (ms: number): void => {
    if (isDue && !isHeld && timer === undefined) wait(ms)
  }
  return {
    note: () => {
      isDue = true
      begin(SOON_MS)
    },
    hold: (next) => {
      isHeld = next
      begin(0)
    },
    end: () => {
      isHeld = true
      clearTimeout(timer)
    }
  }
}
