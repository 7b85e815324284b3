/** What the picture shows, as a table: the newest window first. */

import type { JSX } from 'preact'
import { poolTexts } from '../../src/edge/pool-texts.ts'
import { durationText, sizeText } from '../../src/edge/texts.ts'
import { MarkIcon } from './marks.tsx'
import { isKept, resultPath } from './results.tsx'
import type { Group } from './shapes.ts'
import { workedSeconds } from './attempts.ts'
import type { Attempts } from './attempts.ts'
import { windowText } from './window-text.ts'

const words = poolTexts.groups
const COLUMNS = Object.entries(words.columns)

interface TableProps {
  readonly pool: string
  readonly groups: readonly Group[]
  readonly attempts: Attempts
  readonly now: number
  readonly onOpen: (group: string) => void
}

export function GroupTable(props: TableProps): JSX.Element {
  return (
    <details class="more" id="group-table">
      <summary>{words.table}</summary>
      <div class="table-scroll" role="region" aria-label={words.tableLabel} tabIndex={0}>
        <table>
          <thead>
            <tr>
              {COLUMNS.map(([name, label]) => (
                <th key={name} scope="col">
                  {label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {props.groups.toReversed().map((group) => (
              <Row key={group.group} {...props} group={group} />
            ))}
          </tbody>
        </table>
      </div>
    </details>
  )
}

function Row({ pool, group, attempts, now, onOpen }: TableProps & { group: Group }): JSX.Element {
  const { result } = group
  const of = attempts.get(group.group) ?? []
  return (
    <tr data-row={group.group}>
      <th scope="row">
        <button class="text-button" type="button" aria-haspopup="dialog" onClick={() => onOpen(group.group)}>
          {windowText(group)}
        </button>
        {group.late && ` ${words.late}`}
      </th>
      <td class="state">
        <MarkIcon state={group.state} /> {words.states[group.state]}
      </td>
      <td>{group.files}</td>
      <td>{sizeText(group.bytes)}</td>
      <td>{group.producers}</td>
      <td>{group.attempts}</td>
      <td>{of.length > 0 && durationText(workedSeconds(of, now))}</td>
      <td>
        {result !== null &&
          (isKept(result) ? (
            <a href={resultPath(pool, group.group)} download="">
              {result.name}
            </a>
          ) : (
            poolTexts.results.over
          ))}
      </td>
    </tr>
  )
}
