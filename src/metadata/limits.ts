/** Bounds of single steps, which both stores share so that they answer alike. */

/** Pieces that abandoning an upload drops at once; the rest of a large one follows in steps of settleLinks. At 20 µs each, 20 ms. */
export const ABANDONED_PIECES_MAX = 1000

/** Entries that one step of a search looks through, at about 2 µs each. */
export const ENTRY_SCAN_ROWS = 2000

/** Pieces looked at together where the offset of an upload is found; behind a check-in there are hardly ever so many. */
export const PREFIX_PAGE_ROWS = 256

/** Rows that one statement of a folder's move names: some thousand parameters. */
export const MOVED_ROWS = 500

/** Records that one page of the history looks at, where not all of them are told. At 5 µs each, 10 ms. */
export const HISTORY_LOOKED_AT_MAX = 2000

/** Notes of unknown chunks that one count forgets because the present inventory did not see them; the next counts forget the rest. */
export const UNSEEN_FORGOTTEN_MAX = 10_000

/** Users that one page of a search looks at: at 1 µs each, 5 ms; the next page goes on from there. */
export const USERS_SCANNED_MAX = 5000

/** Files of a batch that one statement names: at 14 parameters each, a fifth of what SQLite takes. */
export const BATCH_ROWS = 400
