import { PeerbinError } from '../../errors.ts'
import type { AdoptEntry, CommitEntry, VersionRef } from '../../metadata-store.ts'
import type { FileRecord } from '../../types.ts'
import type { State } from './state.ts'

export function addVersion(_state: State, _entry: CommitEntry, _file: FileRecord): VersionRef {
  throw new PeerbinError('busy')
}

export function adoptVersion(_state: State, _entry: AdoptEntry, _file: FileRecord): void {
  throw new PeerbinError('busy')
}
