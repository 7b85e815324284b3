/** What `/api/events` writes, taken apart: server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), as far as our server uses them. */

/** An event, as far as the pages read it; docs/events.md has all of it. */
export interface News {
  readonly cursor: string
  readonly type: string
  /** Id of the file, session or user that it is about. */
  readonly subject: string
  /** Whose things these are. */
  readonly owner: string | null
  readonly data: Readonly<Record<string, string | number | boolean | null>>
}

export interface Heard {
  /** In order; none where only a place is told. */
  readonly events: readonly News[]
  /** Everything up to here was told. */
  readonly cursor: string
}

/** Of one event, which is some kilobytes: more than this is no event of ours. */
const CHARACTERS_MAX = 1024 * 1024

/** Takes text in pieces of any size. */
export class EventText {
  #rest = ''

  /** What became whole with this piece; undefined: nothing but what keeps the connection alive. @throws for what is no event of ours */
  take(piece: string): Heard | undefined {
    const blocks = (this.#rest + piece).split('\n\n')
    this.#rest = blocks.pop() ?? ''
    if (this.#rest.length > CHARACTERS_MAX) throw new Error('an event is too large')
    const events: News[] = []
    let cursor: string | undefined
    for (const block of blocks) {
      const { id, data } = fieldsOf(block)
      cursor = id ?? cursor
      // written by the server of the same build, so its shape is known
      if (data !== undefined) events.push(JSON.parse(data) as News)
    }
    return cursor === undefined ? undefined : { events, cursor }
  }
}

function fieldsOf(block: string): { id?: string; data?: string } {
  const fields: { id?: string; data?: string } = {}
  for (const line of block.split('\n')) {
    if (line.startsWith('id: ')) fields.id = line.slice('id: '.length)
    else if (line.startsWith('data: ')) fields.data = line.slice('data: '.length)
  }
  return fields
}
