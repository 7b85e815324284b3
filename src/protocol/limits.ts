/** Bounds of the wire, with unit and reason. Peers of one cluster must agree on them; settings that may differ are in config.ts. */

/** Largest chunk: what the metadata, the buffers and the LevelDB layout are made for (requirement C2). */
export const CHUNK_BYTES_MAX = 4 * 1024 * 1024
/** Raw bytes go out in pieces of this size, so that small requests on the same connection are not held up behind 4 MiB. */
export const FRAME_BYTES_MAX = 256 * 1024
/** Header of a message: the longest is a page of 256 chunks with their copies, about 80 KiB. */
export const HEADER_BYTES_MAX = 256 * 1024
/** Bytes waiting in one direction of one stream on one side: two frames in flight and one being read. */
export const STREAM_BUFFER_BYTES_MAX = 1024 * 1024
/** Chunks in one page of a file, one `has`, one `delete`, one report of receipts. */
export const CHUNKS_PER_PAGE_MAX = 256
/** A gossip message: a heartbeat is about 500 bytes, addresses included. */
export const HEARTBEAT_BYTES_MAX = 8 * 1024
/** Open request streams a peer may have with us in one protocol: 64 transfers with 4 chunks in flight. */
export const STREAMS_PER_PEER_MAX = 512

/** File names: what every file system takes, in UTF-8 bytes. */
export const NAME_BYTES_MAX = 255
/** The uploader's own metadata: keys and values together, in UTF-8 bytes. */
export const METADATA_BYTES_MAX = 16 * 1024
export const MEDIA_TYPE_BYTES_MAX = 255
/** Chunks of one file: 4 TiB. */
export const FILE_CHUNKS_MAX = 1024 * 1024
/** The index behind a file's payload: 10,000 entries, or longer paths and fewer of them. Whoever reads one has it in memory. */
export const INDEX_BYTES_MAX = 4 * 1024 * 1024
/** Slots of one link. */
export const LINK_DOWNLOADS_MAX = 10_000
/** A link's password, in UTF-8 bytes: far beyond any phrase, and little enough to hash whatever is sent. */
export const PASSWORD_BYTES_MAX = 1024
/** Most that argon2id may cost for one password, whatever an edge was told to use: 1 GiB, and as many passes and lanes as make sense. */
export const PASSWORD_MEMORY_KIB_MAX = 1024 * 1024
export const PASSWORD_PASSES_MAX = 64
export const PASSWORD_LANES_MAX = 16
/** What an edge keeps with an upload that goes on later, to end it: link terms, a password's record, digests, the sender's own keys; in UTF-8 bytes. */
export const UPLOAD_PLAN_BYTES_MAX = 8 * 1024
/** And how far it has come with computing its digests: two states of 100 to 150 bytes. */
export const UPLOAD_CHECKPOINT_BYTES_MAX = 1024
/** Ranges in one report of progress, and kept for one claim once merged. */
export const CLAIM_RANGES_MAX = 64

/** Blocks in one message: 60 to 80 bytes each. */
export const BLOCKS_PER_PAGE_MAX = 1000

/** Versions of one entry; of more the oldest go. */
export const ENTRY_VERSIONS_MAX = 1000
/** Share links of one entry, those that have ended lately included: all of them end with it in one step. */
export const ENTRY_SHARES_MAX = 1000
/** Entries, versions, folders or shares in one answer. It ends early where they would not fit into a header. */
export const ENTRIES_PER_PAGE_MAX = 1000
export const ENTRY_SEARCH_LENGTH_MAX = 255
/** Files of a folder that move together, in one step of the store: half a second, in which nobody else writes. */
export const FOLDER_FILES_MOVED_MAX = 10_000
/** Files of a folder that one request deletes, one after the other: others get their turn between them. */
export const FOLDER_FILES_DELETED_MAX = 500

/** Characters of a user's name, and of what it is compared by: a letter may stand for several there. */
export const USER_NAME_LENGTH_MAX = 64
export const USER_NAME_KEY_LENGTH_MAX = 128
/** Password of an account, in UTF-8 bytes; PASSWORD_BYTES_MAX holds too. */
export const ACCOUNT_PASSWORD_BYTES_MIN = 8
/** What a session or key is called, in characters: user agents are cut to it. */
export const SESSION_NAME_LENGTH_MAX = 200
/** Sessions, and keys, that one request asks about, and that one answer lists: 500 bytes each with the longest names of users, 900 with the longest of their own. A user has no more in all. */
export const SESSIONS_PER_PAGE_MAX = 200
export const USERS_PER_PAGE_MAX = 256
/** Public keys of access tokens in one answer: a rotation a day for longer than any token lives. */
export const SIGNING_KEYS_MAX = 64

/** Records of the history in one message: an edge's of a second, or a page. */
export const HISTORY_RECORDS_MAX = 200
/** And their bytes, encoded: half of what a header may have. */
export const HISTORY_BYTES_MAX = 128 * 1024
/** Name of whoever did it, and what an action needs beside (a path at most), in UTF-8 bytes. */
export const HISTORY_NAME_BYTES_MAX = 256
export const HISTORY_DETAIL_BYTES_MAX = 1024

/** Events in one message, and their bytes, encoded: half of what a header may have. */
export const EVENTS_MAX = 500
export const EVENTS_BYTES_MAX = 128 * 1024
/** What an event tells beside its type and subject, in bytes of JSON. */
export const EVENT_DATA_BYTES_MAX = 8 * 1024
/** Longest that one request waits for an event. */
export const EVENTS_WAIT_MS_MAX = 60_000
/** Address of a webhook, in characters. */
export const WEBHOOK_URL_LENGTH_MAX = 2048
/** What its owner calls it. */
export const WEBHOOK_DESCRIPTION_LENGTH_MAX = 200
/** Types that one webhook names. */
export const WEBHOOK_TYPES_MAX = 64
/** Webhooks in one answer: more than any setting lets a user have. */
export const WEBHOOKS_MAX = 1000
/** Webhooks that an edge takes at once, and events of each: what of them does not fit into a header is for the next time. */
export const WEBHOOK_LEASES_MAX = 4
export const WEBHOOK_EVENTS_MAX = 16
/** Attempts that are remembered of a webhook, and events that were given up. */
export const WEBHOOK_ATTEMPTS_MAX = 100
export const WEBHOOK_DEAD_MAX = 200
/** Events that one request has sent again. */
export const WEBHOOK_REPLAYS_MAX = 200

/** Name of a pool, in characters. */
export const POOL_NAME_LENGTH_MAX = 100
/** Pools, members, groups, producers of a group, and join keys, in one answer. */
export const POOLS_PER_PAGE_MAX = 100
/** Files of a batch or a group in one message, and their bytes, encoded: what does not fit is for the next page. */
export const POOL_FILES_PER_PAGE_MAX = 500
export const POOL_FILES_BYTES_MAX = 160 * 1024
/** Name of a file in a batch, in UTF-8 bytes; and what is told beside it, and beside a result. */
export const POOL_FILE_NAME_BYTES_MAX = 255
export const POOL_FILE_METADATA_BYTES_MAX = 4 * 1024
/** Why an attempt failed, in UTF-8 bytes. */
export const POOL_FAILURE_BYTES_MAX = 1000
/** Longest that one request for work waits. */
export const POOL_WORK_WAIT_MS_MAX = 60_000

/** Most nodes in one answer, far above what one controller is made for. */
export const NODES_MAX = 1024
/** An inventory is compared by the first byte of the digests. */
export const INVENTORY_PREFIXES = 256
/** Retired nodes named in the controller's heartbeat, about 60 bytes each. */
export const RETIRED_MAX = 64
/** Pieces of one snapshot: 64 GiB of metadata. */
export const SNAPSHOT_PARTS_MAX = 16 * 1024
/** Names of snapshot pieces in one answer or order, about 60 bytes each. */
export const SNAPSHOT_NAMES_MAX = 1024

/** Names of the protocols. A change that old peers cannot read gets a new number. */
export const CHUNK_PROTOCOL = '/peerbin/chunk/1'
export const CONTROL_PROTOCOL = '/peerbin/control/1'
export const HEARTBEAT_TOPIC = 'peerbin/heartbeat/1'
