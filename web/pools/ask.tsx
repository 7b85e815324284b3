/** A button that asks first. */

import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { accountTexts } from '../../src/edge/account-texts.ts'

export function Ask(props: {
  /** What the button says. */
  name: string
  /** For those who hear it without what is beside it. */
  label?: string
  question: string
  onYes: () => void
}): JSX.Element {
  const { name, label, question, onYes } = props
  const [isAsked, setAsked] = useState(false)
  if (!isAsked)
    return (
      <button class="text-button danger" type="button" aria-label={label} onClick={() => setAsked(true)}>
        {name}
      </button>
    )
  return (
    <span class="ask" role="alert">
      {question}
      <button
        class="text-button danger"
        type="button"
        onClick={() => {
          setAsked(false)
          onYes()
        }}
      >
        {name}
      </button>
      <button class="text-button" type="button" onClick={() => setAsked(false)}>
        {accountTexts.common.cancel}
      </button>
    </span>
  )
}
