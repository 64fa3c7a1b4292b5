//! Whose turn it is: fairness between tenants and between roles.

use super::all_slots::{AllSlots, Owner};
use crate::error::Result;
use crate::pg::{sql, worker, xact};
use crate::settings;
use serde::Deserialize;

/// Tenants in turn: the one that has fewest running, then the one whose last start is longest ago, then the oldest job. Last
/// come jobs whose tenant or role would have all slots while another one waits. $1: number of slots. $2: the job is for the extra
/// slot, which only a job of another tenant or role than that of all running ones may take.
/// $3: this database; jobs that it has as a copy of another one do not count.
///
/// `waiting` goes from one tenant and role to the next one in the index job_queued, and the last start of a tenant is the last entry
/// that it has in job_turns: the time depends on how many tenants wait, not on how many jobs do, nor on how many there were.
const WAITING: &str = "
WITH RECURSIVE waiting AS (
    (SELECT coalesce(q.tenant_key, '') COLLATE \"C\" AS tenant, q.requested_by AS role, q.created_at AS oldest
       FROM acct_export.job q
      WHERE q.status = 'queued' AND q.made_in = $3
      ORDER BY coalesce(q.tenant_key, '') COLLATE \"C\", q.requested_by, q.created_at LIMIT 1)
    UNION ALL
    SELECT n.tenant, n.role, n.oldest
      FROM waiting w
     CROSS JOIN LATERAL (SELECT coalesce(q.tenant_key, '') COLLATE \"C\" AS tenant, q.requested_by AS role, q.created_at AS oldest
                           FROM acct_export.job q
                          WHERE q.status = 'queued' AND q.made_in = $3
                            AND (coalesce(q.tenant_key, '') COLLATE \"C\", q.requested_by) > (w.tenant, w.role)
                          ORDER BY coalesce(q.tenant_key, '') COLLATE \"C\", q.requested_by, q.created_at LIMIT 1) n
), running AS (
    SELECT coalesce(tenant_key, '') COLLATE \"C\" AS tenant, requested_by AS role
      FROM acct_export.job WHERE status = 'running' AND made_in = $3 ORDER BY id
), held AS (
    SELECT CASE WHEN min(tenant) = max(tenant) THEN min(tenant) END AS tenant,
           CASE WHEN min(role) = max(role) THEN min(role) END AS role, count(*) >= $1 AS is_all
      FROM running
), several AS (
    SELECT min(tenant) <> max(tenant) AS tenants, min(role) <> max(role) AS roles FROM waiting
), turn AS (
    SELECT w.tenant, w.role, w.oldest, coalesce(t.jobs, 0) AS of_tenant, coalesce(r.jobs, 0) AS of_role, l.started_at AS last
      FROM waiting w
     CROSS JOIN held h
      LEFT JOIN (SELECT tenant, count(*) AS jobs FROM running GROUP BY tenant) t ON t.tenant = w.tenant
      LEFT JOIN (SELECT role, count(*) AS jobs FROM running GROUP BY role) r ON r.role = w.role
      LEFT JOIN LATERAL (SELECT s.started_at FROM acct_export.job s
                          WHERE coalesce(s.tenant_key, '') COLLATE \"C\" = w.tenant AND s.started_at IS NOT NULL
                          ORDER BY s.started_at DESC LIMIT 1) l ON true
     WHERE NOT $2 OR (h.is_all AND (w.tenant <> h.tenant OR w.role <> h.role))
)
SELECT jsonb_build_object('tenant', t.tenant, 'role', t.role::bigint, 'of_tenant', t.of_tenant, 'of_role', t.of_role,
                          'last', (extract(epoch FROM t.last) * 1000000)::bigint, 'takes_all', o.takes_all)
  FROM turn t CROSS JOIN several s
 CROSS JOIN LATERAL (SELECT $1 > 1 AND (t.of_tenant >= $1 - 1 AND s.tenants OR t.of_role >= $1 - 1 AND s.roles) AS takes_all) o
 ORDER BY o.takes_all, t.of_tenant, t.last NULLS FIRST, t.oldest
 LIMIT 100";

/// Jobs of one tenant and one role that wait.
#[derive(Debug, Deserialize)]
pub struct Waiting {
    tenant: String,
    role: u32,
    /// Running jobs of this tenant.
    of_tenant: i64,
    /// Running jobs of this role.
    of_role: i64,
    /// The last start of a job of this tenant, in microseconds.
    last: Option<i64>,
    /// With one more it would have all slots while others wait.
    takes_all: bool,
}

/// The place of an entry of an earlier list, compared with what it was.
pub enum Place {
    Same,
    /// The tenant has had a turn.
    Later,
    /// Jobs of its tenant or its role have begun or ended: the list is another one.
    Unknown,
}

const PRESENT: &str = "
SELECT jsonb_build_array(
    (SELECT (extract(epoch FROM s.started_at) * 1000000)::bigint FROM acct_export.job s
      WHERE coalesce(s.tenant_key, '') COLLATE \"C\" = $1 AND s.started_at IS NOT NULL ORDER BY s.started_at DESC LIMIT 1),
    count(*) FILTER (WHERE coalesce(r.tenant_key, '') COLLATE \"C\" = $1), count(*) FILTER (WHERE r.requested_by = $2::oid))
  FROM (SELECT tenant_key, requested_by FROM acct_export.job WHERE status = 'running' AND made_in = $3 ORDER BY id) r";

/// Rows are compared as they are in `WAITING`: of columns that are equal to something the planner needs no order.
const OLDEST: &str = "
SELECT to_jsonb(id) FROM acct_export.job
 WHERE status = 'queued' AND (coalesce(tenant_key, '') COLLATE \"C\", requested_by) BETWEEN ($1, $2::oid) AND ($1, $2::oid)
   AND made_in = $3
 ORDER BY coalesce(tenant_key, '') COLLATE \"C\", requested_by, created_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED";

impl Waiting {
    /// The oldest job that nobody's open transaction holds, which this transaction then does.
    pub fn oldest(&self) -> Result<Option<String>> {
        let here = worker::here();
        let arguments = [(&self.tenant).into(), i64::from(self.role).into(), (&here).into()];
        by_index(|| sql::change(OLDEST, &arguments))
    }

    /// True if nothing of its tenant runs and it keeps no slot from others: its turn comes before that of each tenant which has had one
    /// since the list was made.
    pub fn is_first_of_tenant(&self) -> bool {
        self.of_tenant == 0 && !self.takes_all
    }

    /// Its place now.
    pub fn place(&self) -> Result<Place> {
        let here = worker::here();
        let arguments = [(&self.tenant).into(), i64::from(self.role).into(), (&here).into()];
        let present: Option<(Option<i64>, i64, i64)> =
            xact::with_latest_snapshot(|| by_index(|| sql::document(PRESENT, &arguments)))?;
        Ok(match present {
            Some((last, ..)) if last != self.last => Place::Later,
            Some((_, of_tenant, of_role)) if (of_tenant, of_role) == (self.of_tenant, self.of_role) => {
                Place::Same
            }
            _ => Place::Unknown,
        })
    }

    /// The sides, of tenant and role, which have all slots once one of these jobs runs too.
    pub fn with_one_more(&self, slots: i64) -> AllSlots {
        let owner = Owner::new(Some(&self.tenant), self.role);
        AllSlots::new(owner, slots > 1 && self.of_tenant + 1 >= slots, slots > 1 && self.of_role + 1 >= slots)
    }
}

const ALONE: &str = "
SELECT jsonb_build_object('tenant', coalesce(q.tenant_key, ''), 'role', q.requested_by::bigint, 'of_tenant', 0, 'of_role', 0,
                          'last', NULL, 'takes_all', false)
  FROM acct_export.job q
 WHERE q.status = 'queued' AND q.made_in = $1
   AND (SELECT r.id FROM acct_export.job r WHERE r.status = 'running' AND r.made_in = $1 ORDER BY r.id LIMIT 1) IS NULL
 ORDER BY coalesce(q.tenant_key, '') COLLATE \"C\", q.requested_by, q.created_at LIMIT 2";

/// The one job that waits while none runs, for which there is no turn to find out; None: others wait or run. As the owner.
pub fn alone() -> Result<Option<Waiting>> {
    let here = worker::here();
    let mut found: Vec<Waiting> =
        xact::with_latest_snapshot(|| by_index(|| sql::documents(ALONE, &[(&here).into()])))?;
    Ok(if found.len() == 1 { found.pop() } else { None })
}

/// The jobs that wait, in turn. As the owner.
pub fn in_turn(slots: i64, extra: bool) -> Result<Vec<Waiting>> {
    let here = worker::here();
    let arguments = [slots.into(), extra.into(), (&here).into()];
    xact::with_latest_snapshot(|| by_index(|| sql::documents(WAITING, &arguments)))
}

/// Has the statements of `body` planned with indexes, in the order that these have, whatever the statistics of a quiet time say: by these
/// no job waits or runs, and all indexes of such jobs are as good. So each statement asks for the order of the one that serves it:
/// job_queued, or job_running by the id.
pub(super) fn by_index<T>(body: impl FnOnce() -> T) -> T {
    sql::planned_without(&["enable_seqscan", "enable_bitmapscan", "enable_sort"], body)
}

/// True if jobs of one tenant or of one role have all slots and a job of another one waits.
/// The first and the last of those that wait are looked for, in the order of an index, however many jobs wait. Nothing waits: false.
const LOCKED_OUT: &str = "
SELECT to_jsonb(coalesce(h.jobs >= $1 AND (
           (h.tenants = 1 AND (h.tenant > (
                SELECT coalesce(q.tenant_key, '') COLLATE \"C\" FROM acct_export.job q WHERE q.status = 'queued' AND q.made_in = $2
                 ORDER BY coalesce(q.tenant_key, '') COLLATE \"C\", q.requested_by, q.created_at LIMIT 1)
            OR h.tenant < (
                SELECT coalesce(q.tenant_key, '') COLLATE \"C\" FROM acct_export.job q WHERE q.status = 'queued' AND q.made_in = $2
                 ORDER BY coalesce(q.tenant_key, '') COLLATE \"C\" DESC, q.requested_by DESC, q.created_at DESC LIMIT 1)))
        OR (h.roles = 1 AND (h.role > (
                SELECT q.requested_by FROM acct_export.job q WHERE q.status = 'queued' AND q.made_in = $2
                 ORDER BY q.requested_by, coalesce(q.tenant_key, '') COLLATE \"C\", q.made_in COLLATE \"C\" LIMIT 1)
            OR h.role < (
                SELECT q.requested_by FROM acct_export.job q WHERE q.status = 'queued' AND q.made_in = $2
                 ORDER BY q.requested_by DESC, coalesce(q.tenant_key, '') COLLATE \"C\" DESC, q.made_in COLLATE \"C\" DESC LIMIT 1)))), false))
  FROM (SELECT count(*) AS jobs, count(DISTINCT coalesce(tenant_key, '')) AS tenants,
               min(coalesce(tenant_key, '') COLLATE \"C\") AS tenant, count(DISTINCT requested_by) AS roles, min(requested_by) AS role
          FROM (SELECT tenant_key, requested_by FROM acct_export.job WHERE status = 'running' AND made_in = $2 ORDER BY id) AS r) AS h";

/// True if a job may take the extra slot. With two slots and more, no tenant and no role can keep others waiting by jobs that take
/// long: a job of another one gets one slot beyond `max_workers`. While slots are free, any job may take them.
pub fn is_locked_out() -> Result<bool> {
    let slots = settings::max_workers();
    if slots < 2 {
        return Ok(false);
    }
    let here = worker::here();
    let arguments = [i64::from(slots).into(), (&here).into()];
    Ok(by_index(|| sql::document(LOCKED_OUT, &arguments))?.unwrap_or(false))
}
