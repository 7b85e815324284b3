/** What happened in a run and when: the report and its timeline are made of it. Times are ms since the run began. */

export type RequestKind = 'upload' | 'claim' | 'download' | 'revoke'
/** `ok`: answered as it should be; `failed`: an honest error; `unknown`: the answer never came. */
export type RequestOutcome = 'ok' | 'failed' | 'unknown'

export interface RequestMark {
  atMs: number
  tookMs: number
  kind: RequestKind
  outcome: RequestOutcome
}

/** A fault on one process, from its beginning to its end. */
export interface Span {
  process: string
  kind: string
  text: string
  fromMs: number
  toMs: number
}

/** What the cluster said of itself. */
export interface Sample {
  atMs: number
  chunks: number
  owed: number
  withoutCopy: number
  activeNodes: number
}

export class History {
  readonly requests: RequestMark[] = []
  readonly spans: Span[] = []
  readonly samples: Sample[] = []
  readonly #startedAt = performance.now()

  now(): number {
    return Math.round(performance.now() - this.#startedAt)
  }

  /** Begins a span; call the answer when it is over. */
  begin(process: string, kind: string, text: string): () => void {
    const span: Span = { process, kind, text, fromMs: this.now(), toMs: Number.POSITIVE_INFINITY }
    this.spans.push(span)
    return () => {
      span.toMs = this.now()
    }
  }

  request(kind: RequestKind, startedMs: number, outcome: RequestOutcome): void {
    this.requests.push({ atMs: startedMs, tookMs: this.now() - startedMs, kind, outcome })
  }

  /** Whatever has not ended by now ends now. */
  close(): void {
    for (const span of this.spans) span.toMs = Math.min(span.toMs, this.now())
  }
}
