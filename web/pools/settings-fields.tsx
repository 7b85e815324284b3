/** Fields for the settings of a pool, each with what it means. */

import type { JSX } from 'preact'
import { poolTexts } from '../../src/edge/pool-texts.ts'
import { Field } from '../account/parts.tsx'
import type { CountName, DurationName, DurationText, SettingsText, Unit } from './settings.ts'

const words = poolTexts.settings
const UNITS = Object.entries(words.units).map(([value, label]) => ({ value: value as Unit, label }))

interface FieldsProps {
  readonly text: SettingsText
  readonly onInput: (text: SettingsText) => void
  /** What is empty is as the server has it. */
  readonly isNew: boolean
}

export function Durations(props: FieldsProps & { names: readonly DurationName[] }): JSX.Element {
  const { text, onInput, isNew, names } = props
  return (
    <>
      {names.map((name) => (
        <Duration
          key={name}
          name={name}
          isNew={isNew}
          value={text.durations[name]}
          onInput={(value) => onInput({ ...text, durations: { ...text.durations, [name]: value } })}
        />
      ))}
    </>
  )
}

function Duration(props: {
  name: DurationName
  isNew: boolean
  value: DurationText
  onInput: (value: DurationText) => void
}): JSX.Element {
  const { name, isNew, value, onInput } = props
  const { label, hint, otherwise } = words.durations[name]
  return (
    <div class="field">
      <label for={name}>{label}</label>
      <div class="duration">
        <input
          class="text"
          id={name}
          type="text"
          inputMode="decimal"
          autocomplete="off"
          value={value.amount}
          aria-describedby={`${name}-hint`}
          onInput={(event) => onInput({ ...value, amount: event.currentTarget.value })}
        />
        <select
          id={`${name}-unit`}
          aria-label={words.unitOf(label)}
          value={value.unit}
          onChange={(event) => {
            const unit = UNITS.find((each) => each.value === event.currentTarget.value)
            if (unit !== undefined) onInput({ ...value, unit: unit.value })
          }}
        >
          {UNITS.map((unit) => (
            <option key={unit.value} value={unit.value}>
              {unit.label}
            </option>
          ))}
        </select>
      </div>
      <p class="hint" id={`${name}-hint`}>
        {isNew ? words.hint(hint, otherwise) : hint}
      </p>
    </div>
  )
}

export function Counts(props: FieldsProps & { names: readonly CountName[] }): JSX.Element {
  const { text, onInput, isNew, names } = props
  return (
    <>
      {names.map((name) => (
        <Field
          key={name}
          id={name}
          label={words.counts[name].label}
          hint={
            isNew
              ? words.hint(words.counts[name].hint, words.counts[name].otherwise)
              : words.counts[name].hint
          }
          value={text.counts[name]}
          onInput={(value) => onInput({ ...text, counts: { ...text.counts, [name]: value } })}
        />
      ))}
    </>
  )
}
