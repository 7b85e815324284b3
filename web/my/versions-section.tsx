/** Versions of a file: looking at one, making it the current one again, deleting it. */

import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { accountTexts } from '../../src/edge/account-texts.ts'
import { sizeText } from '../../src/edge/texts.ts'
import { ask, queryOf } from '../account/api.ts'
import { useDoing, usePaged } from '../account/hooks.ts'
import { Badge, Loading, More, Problem, When } from '../account/parts.tsx'
import type { FileRow, Version } from '../account/shapes.ts'
import { tell } from '../account/toast.ts'
import { Icon } from '../common/icons.tsx'
import { isAboutFile, isAboutFiles, useLive } from '../live/use-live.ts'
import { downloadPath, fileApi } from './file-api.ts'
import { Prune } from './prune.tsx'

const words = accountTexts.sheet

export function VersionsSection({ file, onChange }: { file: FileRow; onChange: () => void }): JSX.Element {
  const versions = usePaged<Version>('versions', async ({ after, limit }, signal) => {
    const query = queryOf({ after, limit: Math.min(limit, 100) })
    const page = await ask<{ versions: Version[]; next: string | null }>(
      `${fileApi(file.file_id)}/versions${query}`,
      { signal }
    )
    return { rows: page.versions, next: page.next }
  })
  useLive(versions, (news) => isAboutFile(news, file.file_id) && isAboutFiles(news))
  const doing = useDoing()
  const [asked, setAsked] = useState<number>()
  const changed = (text: string): void => {
    setAsked(undefined)
    tell(text)
    versions.reload()
    onChange()
  }
  const restore = (version: number): void =>
    doing.run(async () => {
      await ask(`${fileApi(file.file_id)}/restore`, { method: 'POST', body: { version } })
      changed(words.restored(version))
    })
  const remove = (version: number): void =>
    doing.run(async () => {
      await ask(`${fileApi(file.file_id)}/versions/${version}`, { method: 'DELETE' })
      changed(words.versionDeleted(version))
    })
  return (
    <section aria-label={words.versions}>
      <Problem text={versions.problem} onRetry={versions.reload} />
      <Problem text={doing.problem} />
      {!versions.isReady && versions.problem === '' && <Loading />}
      <ul class="plain-rows versions" id="versions">
        {versions.rows.map((row) => (
          <VersionRow
            key={row.version}
            row={row}
            file={file}
            isAsked={asked === row.version}
            onRestore={() => restore(row.version)}
            onRemove={() => (asked === row.version ? remove(row.version) : setAsked(row.version))}
            onKeep={() => setAsked(undefined)}
          />
        ))}
      </ul>
      <More of={versions} />
      {(versions.rows.length > 1 || versions.hasMore) && <Prune file={file} onPruned={changed} />}
      <p class="hint">{words.versionHint}</p>
    </section>
  )
}

interface VersionProps {
  readonly row: Version
  readonly file: FileRow
  /** Somebody wants to delete it, and has not said yet that they are sure. */
  readonly isAsked: boolean
  readonly onRestore: () => void
  readonly onRemove: () => void
  readonly onKeep: () => void
}

function VersionRow(props: VersionProps): JSX.Element {
  const { row, isAsked, onRemove, onKeep } = props
  const { version, status, current } = row
  return (
    <li data-version={version}>
      <div class="row-text">
        <span class="row-name">
          {words.versionOf(version)} {current && <Badge kind="current">{words.current}</Badge>}
        </span>
        <span class="row-facts">
          <span>{sizeText(row.file_size)}</span>
          <When at={row.upload_date} />
          {status !== 'uploaded_successfully' && (
            <Badge kind={status}>{accountTexts.files.statuses[status]}</Badge>
          )}
        </span>
        {isAsked && (
          <span class="ask" role="alert">
            {words.deleteVersionSure(version)}
            <button class="text-button danger" type="button" onClick={onRemove}>
              {words.deleteVersion}
            </button>
            <button class="text-button" type="button" onClick={onKeep}>
              {accountTexts.common.cancel}
            </button>
          </span>
        )}
      </div>
      <VersionActions {...props} />
    </li>
  )
}

function VersionActions({ row, file, isAsked, onRestore, onRemove }: VersionProps): JSX.Element {
  const { version, status, current } = row
  const isStored = status !== 'upload_failed'
  return (
    <span class="row-actions">
      {isStored && (
        <a
          class="icon-button"
          href={downloadPath(file, version)}
          download
          aria-label={words.downloadVersion(version)}
          title={words.downloadVersion(version)}
        >
          <Icon name="download" />
        </a>
      )}
      {isStored && !current && !isAsked && (
        <button class="text-button" type="button" aria-label={words.restoreOf(version)} onClick={onRestore}>
          {words.restore}
        </button>
      )}
      {!current && !isAsked && (
        <button
          class="text-button danger"
          type="button"
          aria-label={words.deleteVersionOf(version)}
          onClick={onRemove}
        >
          {words.deleteVersion}
        </button>
      )}
    </span>
  )
}
