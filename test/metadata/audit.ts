/** What must be true of the tables at any moment, whatever was done: every count that is kept on a row is the number of rows it counts. */

import { DatabaseSync } from 'node:sqlite'

const RULES: Record<string, string> = {
  'references are the pieces of a chunk': `
    select * from (select c.digest, c.refs, (select count(*) from pieces p where p.digest = c.digest) +
      (select count(*) from blocks b where b.digest = c.digest) n from chunks c)
    where refs <> n`,
  'every block has its chunk, live, at its generation': `
    select * from blocks b left join chunks c on c.digest = b.digest and c.generation = b.generation and c.state = 'live'
    where c.digest is null or c.size <> b.size`,
  'a space counts its blocks': `
    select * from (select s.key, s.staged, s.blocks, (select coalesce(sum(size), 0) from blocks b where b.space = s.key) n,
      (select count(*) from blocks b where b.space = s.key) m from spaces s)
    where staged <> n or blocks <> m`,
  'what is in the content of a user can be found': `
    select * from pieces p join files f on f.holder = p.holder and f.space <> 'anonymous'
    where (p.idx >= 0) <> (p.mark is not null)`,
  'every piece has its chunk, live, at its generation': `
    select * from pieces p left join chunks c on c.digest = p.digest and c.generation = p.generation and c.state = 'live'
    where c.digest is null`,
  'copies are those at the present generation': `
    select * from (select c.digest, c.copies, (select count(*) from copies k
      where k.digest = c.digest and k.generation = c.generation) n from chunks c)
    where copies <> n`,
  'no copy without a chunk, none of a later life': `
    select * from copies k left join chunks c on c.digest = k.digest where c.digest is null or k.generation > c.generation`,
  'no condemned chunk without copies': `
    select * from chunks c where c.state = 'condemned' and not exists (select 1 from copies k where k.digest = c.digest)`,
  'every copy of a condemned chunk has an order': `
    select * from copies k join chunks c on c.digest = k.digest and c.state = 'condemned' and not exists
      (select 1 from orders o where o.digest = k.digest and o.peer = k.peer and o.generation >= k.generation)`,
  'no order can touch a live chunk’s present life': `
    select * from orders o join chunks c on c.digest = o.digest and c.state = 'live' and o.generation >= c.generation`,
  'no generation beyond the counter': `
    select * from chunks where generation > (select value from meta where key = 'generation')`,
  'slots taken are the claims that were not released': `
    select * from (select l.token, l.claimed, (select count(*) from claims c
      where c.token = l.token and c.state <> 'released') n from links l where l.state = 'live')
    where claimed <> n`,
  'never more claims than slots': `select * from links where claimed > downloads`,
  'ended claims are counted on a live link': `
    select * from (select l.token, l.ended, (select count(*) from claims c
      where c.token = l.token and c.state <> 'released' and c.ended = 1) n from links l where l.state = 'live')
    where ended <> n`,
  'a file counts its live links and versions': `
    select * from (select f.id, f.links, (select count(*) from links l
      where l.file = f.id and l.state in ('live', 'suspended'))
      + (select count(*) from versions v where v.file = f.id) n from files f)
    where links <> n`,
  'a file counts all its links and versions': `
    select * from (select f.id, f.link_rows, (select count(*) from links l where l.file = f.id)
      + (select count(*) from versions v where v.file = f.id) n from files f)
    where link_rows <> n`,
  'a file counts its versions in grace': `
    select * from (select f.id, f.graced, (select count(*) from versions v
      where v.file = f.id and v.drop_at is not null) n from files f)
    where graced <> n`,
  'a space takes up what its live files and open uploads have': `
    select * from (select s.key, s.bytes,
      (select coalesce(sum(size), 0) from files f where f.space = s.key and f.state = 'live' and f.counted = 1) +
      (select coalesce(sum(reserved), 0) from uploads u where u.space = s.key and u.state = 'open') + s.staged n from spaces s)
    where bytes <> n`,
  'what takes up space has one': `
    select * from files f where f.state = 'live' and f.counted = 1 and not exists
      (select 1 from spaces s where s.key = f.space)`,
  'every version has its content or its failure': `
    select * from versions v where (v.file is null) <> (v.status = 'upload_failed') or (v.file is null) <> (v.failure is not null)
      or (v.file is not null and not exists (select 1 from files f where f.id = v.file and f.state = 'live'))`,
  'events of a stream have numbers without a gap, up to the last, and come in their order': `
    select * from (select s.no, s.oldest, s.last, (select count(*) from events e where e.stream = s.no) n,
      (select min(number) from events e where e.stream = s.no) first,
      (select max(number) from events e where e.stream = s.no) newest from event_streams s)
    where n <> last - oldest + 1 or (n > 0 and (first <> oldest or newest <> last))
    union all select e.stream, e.number, e.seq, f.seq, 0, 0 from events e join events f
      on f.stream = e.stream and f.number = e.number + 1 where f.seq <= e.seq`,
  'no event is newer than the newest': `
    select * from events where seq > (select value from meta where key = 'events')`,
  'every version has its entry, and no greater number than its last': `
    select * from versions v left join entries e on e.id = v.entry where e.id is null or v.number > e.last`,
  'of a live entry the newest version with content counts, or what failed last': `
    select * from (select e.id, e.shown, e.stored, e.failed, e.size, s.file, s.drop_at, f.size as content,
        (select max(number) from versions v where v.entry = e.id and v.file is null) lost,
        (select max(number) from versions v where v.entry = e.id and v.file is not null and v.drop_at is null) kept
      from entries e left join versions s on s.entry = e.id and s.number = e.shown
      left join files f on f.id = s.file where e.state = 'live')
    where (stored = 1 and (file is null or drop_at is not null or size <> content or failed <> case when lost > shown then lost else 0 end))
      or (stored = 0 and (lost is null or shown <> lost or kept is not null or failed <> 0 or size <> 0))`,
  'versions of a deleted entry are in grace': `
    select * from versions v join entries e on e.id = v.entry and e.state = 'deleted' where v.drop_at is null`,
  'an entry counts its share links, and a deleted one has none that lives': `
    select * from (select e.id, e.state, e.shares, (select count(*) from links l where l.entry = e.id) n,
      (select count(*) from links l where l.entry = e.id and l.state in ('live', 'suspended')) m from entries e)
    where shares <> n or (state = 'deleted' and m > 0)`,
  'every live entry has its path, and every path its entry or something in it': `
    select id from entries e where e.state = 'live' and not exists
      (select 1 from paths p where p.owner = e.owner and p.key = e.folder || e.name and p.entry = e.id)
    union all select p.owner from paths p where p.entry is not null and not exists
      (select 1 from entries e where e.id = p.entry and e.state = 'live')
    union all select owner from (select f.owner, f.entry, f.children, (select count(*) from paths p
      where p.owner = f.owner and p.parent = f.key || '/') n from paths f)
    where children <> n or (entry is null) <> (n > 0)
    union all select p.owner from paths p where p.parent <> '' and not exists
      (select 1 from paths f where f.owner = p.owner and f.key || '/' = p.parent and f.entry is null)`,
  'what is kept of an open upload are its first pieces': `
    select * from (select u.id, u.kept_count, u.kept_bytes,
      (select count(*) from pieces p where p.holder = u.holder and p.idx >= 0 and p.idx < u.kept_count) n,
      (select coalesce(sum(size), 0) from pieces p where p.holder = u.holder and p.idx >= 0 and p.idx < u.kept_count) b
      from uploads u where u.state = 'open')
    where kept_count <> n or kept_bytes <> b`,
  'an upload that has ended keeps no plan': `
    select * from uploads where state <> 'open' and (plan is not null or writer is not null or checkpoint is not null)`,
  'pieces belong to a file, or an upload that is open or being given up': `
    select * from pieces p where not exists (select 1 from uploads u where u.holder = p.holder and u.state <> 'committed')
      and not exists (select 1 from files f where f.holder = p.holder)`,
  'a user counts the keys that were not ended': `
    select * from (select u.id, u.keys, (select count(*) from sessions s
      where s.user_id = u.id and s.kind = 'key' and s.ended = 0) n from users u)
    where keys <> n`,
  'active administrators are counted': `
    select * from (select value, (select count(*) from users where role = 'admin' and state = 'active') n
      from meta where key = 'admins')
    where value <> n`,
  'no unknown chunk of a generation that was never given out': `
    select * from unknown_chunks where generation < 1 or generation > (select value from meta where key = 'generation')`
}

/** The rules that do not hold, with the first row that breaks each; empty when all is well. */
export function audit(database: DatabaseSync): string[] {
  return Object.entries(RULES).flatMap(([rule, sql]) => {
    const row = database.prepare(sql).get()
    return row === undefined ? [] : [`${rule}: ${JSON.stringify(row)}`]
  })
}

/** The same for a file that no store has open. */
export function auditFile(file: string): string[] {
  const database = new DatabaseSync(file)
  try {
    return audit(database)
  } finally {
    database.close()
  }
}
