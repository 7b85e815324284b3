/** Deleting all versions but the newest. */

import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { ask } from '../account/api.ts'
import { useDoing } from '../account/hooks.ts'
import { Form, Select } from '../account/parts.tsx'
import type { FileRow } from '../account/shapes.ts'
import { fileApi } from './file-api.ts'

const words = accountTexts.sheet
const DEFAULT_KEPT = 3

export function Prune(props: { file: FileRow; onPruned: (text: string) => void }): JSX.Element {
  const { file, onPruned } = props
  const [keep, setKeep] = useState<number>(DEFAULT_KEPT)
  const doing = useDoing()
  const submit = (): void =>
    doing.run(async () => {
      const path = `${fileApi(file.file_id)}/prune`
      const { pruned } = await ask<{ pruned: number }>(path, { method: 'POST', body: { keep } })
      onPruned(words.pruned(pruned))
    })
  return (
    <details class="more" id="prune-more">
      <summary>{words.prune}</summary>
      <Form id="prune" doing={doing} onSubmit={submit} submit={words.pruneSubmit} isDanger>
        <p class="sentence">
          {words.pruneKeep}{' '}
          <Select
            id="keep"
            label={words.pruneKeepLabel}
            value={keep}
            choices={words.pruneChoices}
            onChoose={setKeep}
            isInline
          />
          .
        </p>
        <p class="hint">{words.pruneText}</p>
      </Form>
    </details>
  )
}
