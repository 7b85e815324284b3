/** Marks of the states of groups: each has a shape of its own beside its colour. */

import type { JSX } from 'preact'
import type { GroupState } from './shapes.ts'

/** Around 0, 0; 6 to each side. */
const SHAPES: Record<GroupState, { path: string; isFilled: boolean }> = {
  open: { path: 'M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z', isFilled: false },
  closed: { path: 'M-4.5-5h3v10h-3zM1.5-5h3v10h-3z', isFilled: true },
  processing: { path: 'M-4-5.5 5.5 0-4 5.5z', isFilled: true },
  done: { path: 'M-5.5.5-1.5 4.5 5.5-4', isFilled: false },
  failed: { path: 'M-4.5-4.5 4.5 4.5M4.5-4.5-4.5 4.5', isFilled: false }
}

interface MarkProps {
  readonly state: GroupState
  readonly x: number
  readonly y: number
}

export const Mark = ({ state, x, y }: MarkProps): JSX.Element => (
  <path
    class={SHAPES[state].isFilled ? 'mark filled' : 'mark'}
    data-state={state}
    d={SHAPES[state].path}
    transform={`translate(${x} ${y})`}
  />
)

/** Beside a word. */
export const MarkIcon = ({ state }: { state: GroupState }): JSX.Element => (
  <svg class="mark-icon" width="16" height="16" viewBox="-8 -8 16 16" aria-hidden="true" focusable="false">
    <Mark state={state} x={0} y={0} />
  </svg>
)
