/** What must be true of the tables at any moment, whatever was done: every count that is kept on a row is the number of rows it counts. */

import { DatabaseSync } from 'node:sqlite'

const RULES: Record<string, string> = {
  'references are the pieces of a chunk': `
    select * from (select c.digest, c.refs, (select count(*) from pieces p where p.digest = c.digest) n from chunks c)
    where refs <> n`,
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
  'a file counts its live links': `
    select * from (select f.id, f.links, (select count(*) from links l
      where l.file = f.id and l.state in ('live', 'suspended')) n from files f)
    where links <> n`,
  'a role takes up what its live files and open uploads have': `
    select * from (select s.role, s.bytes,
      (select coalesce(sum(size), 0) from files f where f.role = s.role and f.state = 'live') +
      (select coalesce(sum(reserved), 0) from uploads u where u.role = s.role and u.state = 'open') n from spaces s)
    where bytes <> n`,
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
