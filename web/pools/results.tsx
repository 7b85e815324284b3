/** Results of a pool, for every member. */

import type { JSX } from 'preact'
import { poolTexts } from '../../src/edge/pool-texts.ts'
import { sizeText } from '../../src/edge/texts.ts'
import { usePaged } from '../account/hooks.ts'
import { Loading, More, Problem, When } from '../account/parts.tsx'
import { Icon } from '../common/icons.tsx'
import { useLive } from '../live/use-live.ts'
import { groupPath, isAboutResults, listResults } from './pool-api.ts'
import type { Group, GroupResult } from './shapes.ts'
import { windowText } from './window-text.ts'

const words = poolTexts.results

export const resultPath = (pool: string, group: string): string => `${groupPath(pool, group)}/result`

export const isKept = (result: GroupResult): boolean => Date.parse(result.expires) > Date.now()

export function Results({ pool }: { pool: string }): JSX.Element {
  const results = usePaged<Group>(`results:${pool}`, (page, signal) => listResults(pool, page, signal))
  useLive(results, isAboutResults)
  return (
    <section class="card" aria-labelledby="results-title" aria-busy={results.isLoading}>
      <h2 id="results-title">{words.title}</h2>
      <Problem text={results.problem} onRetry={results.reload} />
      {!results.isReady && results.problem === '' && <Loading />}
      {results.isReady && results.rows.length === 0 && (
        <p class="hint" id="no-results">
          {words.none} {words.noneText}
        </p>
      )}
      <ul class="plain-rows" id="results">
        {results.rows.map(
          (group) =>
            group.result !== null && <Row key={group.group} pool={pool} group={group} result={group.result} />
        )}
      </ul>
      <More of={results} />
    </section>
  )
}

function Row(props: { pool: string; group: Group; result: GroupResult }): JSX.Element {
  const { pool, group, result } = props
  const kept = isKept(result)
  return (
    <li data-result={group.group}>
      <div class="row-text">
        <span class="row-name">{result.name}</span>
        <span class="row-facts">
          <span>{windowText(group)}</span>
          {group.late && <span>{poolTexts.groups.late}</span>}
          <span>{sizeText(result.size)}</span>
          <span>
            {kept ? (
              <>
                {words.until} <When at={result.expires} />
              </>
            ) : (
              words.over
            )}
          </span>
        </span>
      </div>
      {kept && (
        <div class="row-actions">
          <a
            class="icon-button"
            href={resultPath(pool, group.group)}
            download=""
            aria-label={words.downloadOf(result.name)}
            title={words.download}
          >
            <Icon name="download" />
          </a>
        </div>
      )}
    </li>
  )
}
