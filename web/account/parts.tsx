/** Small pieces of all pages of an account. */

import type { ComponentChildren, JSX } from 'preact'
import { useState } from 'preact/hooks'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { copyText } from '../common/dom.ts'
import { timeWords } from './format.ts'
import type { Doing, Loaded, Paged } from './hooks.ts'
import { tell } from './toast.ts'

const words = accountTexts.common

export const Loading = (): JSX.Element => (
  <p class="loading" role="status">
    {words.loading}
  </p>
)

/** What went wrong, read out when it appears, and a way to try again where that can help. */
export function Problem({ text, onRetry }: { text: string; onRetry?: () => void }): JSX.Element {
  return (
    <div role="alert" class="problem">
      {text !== '' && (
        <div class="notice error">
          <span>{text}</span>
          {onRetry !== undefined && (
            <button class="text-button" type="button" onClick={onRetry}>
              {words.retry}
            </button>
          )}
        </div>
      )}
    </div>
  )
}

/** A value that is loaded: it, or that it comes, or why it does not. */
export function Show<T>({
  of,
  children
}: {
  of: Loaded<T>
  children: (value: T) => ComponentChildren
}): JSX.Element {
  return (
    <>
      <Problem text={of.problem} onRetry={of.reload} />
      {of.value === undefined ? of.problem === '' && <Loading /> : children(of.value)}
    </>
  )
}

/** Below a list: the next page. */
export function More<T>({ of }: { of: Paged<T> }): JSX.Element | null {
  if (!of.hasMore) return null
  return (
    <p class="more-rows">
      <button class="button secondary" type="button" onClick={of.loadMore} aria-disabled={of.isLoadingMore}>
        {of.isLoadingMore ? words.loading : words.more}
      </button>
    </p>
  )
}

export interface FieldProps {
  readonly id: string
  readonly label: string
  readonly value: string
  readonly onInput: (value: string) => void
  readonly hint?: string
  readonly type?: 'text' | 'password' | 'search' | 'number' | 'date' | 'datetime-local'
  readonly autocomplete?: string
  readonly maxLength?: number
  readonly required?: boolean
  readonly autoFocus?: boolean
}

/** A field with its label, and a way to see a password that is typed. */
export function Field(props: FieldProps): JSX.Element {
  const { id, label, value, onInput, hint, type = 'text', autocomplete = 'off', required, maxLength } = props
  const [isShown, setShown] = useState(false)
  // to the types each kind of input is an element of its own
  const shown = (type === 'password' && isShown ? 'text' : type) as 'text'
  const field = (
    <input
      class="text"
      id={id}
      name={id}
      type={shown}
      value={value}
      autocomplete={autocomplete}
      autocapitalize="off"
      spellcheck={false}
      required={required}
      maxLength={maxLength}
      aria-describedby={hint === undefined ? undefined : `${id}-hint`}
      ref={props.autoFocus === true ? focusOnce : null}
      onInput={(event) => onInput(event.currentTarget.value)}
    />
  )
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {type === 'password' ? (
        <div class="secret">
          {field}
          <button
            class="text-button"
            type="button"
            aria-controls={id}
            aria-label={`${isShown ? words.hidePassword : words.showPassword}: ${label}`}
            onClick={() => setShown(!isShown)}
          >
            {isShown ? words.hidePassword : words.showPassword}
          </button>
        </div>
      ) : (
        field
      )}
      {hint !== undefined && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  )
}

const focusOnce = (element: HTMLElement | null): void => {
  // a view that is drawn again leaves the focus where somebody has put it
  if (element !== null && element.dataset['focused'] === undefined) {
    element.dataset['focused'] = ''
    element.focus()
  }
}

export function Select<T extends string | number>(props: {
  id: string
  label: string
  value: T
  choices: ReadonlyArray<{ value: T; label: string }>
  onChoose: (value: T) => void
  /** Part of a sentence, which names it. */
  isInline?: boolean
}): JSX.Element {
  const { id, label, value, choices, onChoose, isInline = false } = props
  const field = (
    <select
      class={isInline ? 'inline' : undefined}
      id={id}
      aria-label={isInline ? label : undefined}
      value={value}
      onChange={(event) => {
        const choice = choices.find((each) => String(each.value) === event.currentTarget.value)
        if (choice !== undefined) onChoose(choice.value)
      }}
    >
      {choices.map((choice) => (
        <option key={choice.value} value={choice.value}>
          {choice.label}
        </option>
      ))}
    </select>
  )
  if (isInline) return field
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {field}
    </div>
  )
}

/** A form whose submission does something; where it says what went wrong. */
export function Form(props: {
  doing: Doing
  onSubmit: () => void
  submit: string
  busy?: string
  id?: string
  isDanger?: boolean
  children?: ComponentChildren
  /** Beside the button. */
  beside?: ComponentChildren
}): JSX.Element {
  const { doing, onSubmit, submit, busy, id, isDanger = false, children, beside } = props
  return (
    <form
      class="stack"
      id={id}
      onSubmit={(event) => {
        event.preventDefault()
        onSubmit()
      }}
    >
      {children}
      <Problem text={doing.problem} />
      <div class="actions">
        <button
          class={isDanger ? 'button danger filled' : 'button primary'}
          type="submit"
          aria-disabled={doing.isBusy}
        >
          {doing.isBusy ? (busy ?? submit) : submit}
        </button>
        {beside}
      </div>
    </form>
  )
}

/** Something to copy: a link, a key. */
export function CopyField(props: {
  id: string
  label: string
  value: string
  copy?: string
  /** When it appears, so that keyboard and screen reader are where something new is. */
  hasFocus?: boolean
  children?: ComponentChildren
}): JSX.Element {
  const { id, label, value, copy = words.copy, children } = props
  const onCopy = async (): Promise<void> => {
    const field = document.getElementById(id)
    if (field instanceof HTMLInputElement) tell((await copyText(field)) ? words.copied : words.copyFailed)
  }
  return (
    <div class="copy-field">
      <label class="link-label" for={id}>
        {label}
      </label>
      <div class="link-row">
        <input
          class="link"
          id={id}
          type="text"
          readonly
          value={value}
          ref={props.hasFocus === true ? focusOnce : null}
          onClick={(event) => event.currentTarget.select()}
        />
        <button class="button primary" type="button" onClick={() => void onCopy()}>
          {copy}
        </button>
        {children}
      </div>
    </div>
  )
}

/** A moment, as text for a person. */
export const When = ({ at }: { at: string }): JSX.Element => <time dateTime={at}>{timeWords(at)}</time>

/** A word in a frame. */
export const Badge = ({ kind, children }: { kind: string; children: ComponentChildren }): JSX.Element => (
  <span class="badge-word" data-kind={kind}>
    {children}
  </span>
)
