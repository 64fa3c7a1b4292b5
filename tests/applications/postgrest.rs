//! examples/postgrest.sql, called as PostgREST calls it: a transaction for each request, read-only for GET, with the role and
//! the claims of the token as settings of the transaction.

use support::asking;

use postgres::Client;
use serde_json::{json, Value};
use support::common::{error_of, shared, unique, wait_for_job, ServerError, TwoTenants};

const EXAMPLE: &str = include_str!("../../examples/postgrest.sql");

/// The application with dataset `users`, the example installed, and PostgREST's own login role.
struct Site {
    app: TwoTenants,
    authenticator: String,
}

/// The answer that PostgREST would send.
#[derive(Debug)]
struct Answer {
    status: Option<String>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl Site {
    fn new() -> Self {
        let app = TwoTenants::with_users(shared(), 20);
        let authenticator = unique("authenticator");
        app.superuser().batch_execute(EXAMPLE).unwrap();
        app.superuser()
            .batch_execute(&format!(
                "CREATE ROLE {authenticator} LOGIN NOINHERIT; GRANT {0} TO {authenticator};
                 GRANT USAGE ON SCHEMA account_api TO {0}; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA account_api TO {0}",
                app.nologin
            ))
            .unwrap();
        Site { app, authenticator }
    }

    fn connection(&self) -> Client {
        shared().connect(&self.app.db, &self.authenticator)
    }

    fn claims(&self, tenant: usize) -> Value {
        json!({"role": self.app.nologin, "tenant_id": self.app.tenants[tenant], "sub": "anna"})
    }

    /// One request; `call` is the function with its arguments. The same pooled connection serves all.
    fn request(
        &self,
        pool: &mut Client,
        method: &str,
        claims: &Value,
        call: &str,
    ) -> Result<Answer, ServerError> {
        let access = if method == "GET" { "READ ONLY" } else { "READ WRITE" };
        pool.batch_execute(&format!("BEGIN ISOLATION LEVEL READ COMMITTED {access}")).unwrap();
        let answer = self.answer(pool, method, claims, call);
        pool.batch_execute(if answer.is_ok() { "COMMIT" } else { "ROLLBACK" }).unwrap();
        answer
    }

    fn answer(
        &self,
        pool: &mut Client,
        method: &str,
        claims: &Value,
        call: &str,
    ) -> Result<Answer, ServerError> {
        let role = claims["role"].as_str().unwrap();
        pool.query(
            "SELECT set_config('search_path', '\"account_api\", \"public\"', true), set_config('role', $1, true),
                    set_config('request.jwt.claims', $2, true), set_config('request.method', $3, true)",
            &[&role, &claims.to_string(), &method],
        )
        .unwrap();
        pool.query("SELECT \"account_api\".\"enter\"()", &[]).unwrap();
        // A handler's bytes go out as they are, all else as JSON.
        let bytes = if call.starts_with("user_export_file") {
            "body::bytea"
        } else {
            "convert_to(body::text, 'UTF8')"
        };
        let sql = format!(
            "SELECT {bytes}, nullif(current_setting('response.headers', true), ''), nullif(current_setting('response.status', true), '')
             FROM (SELECT \"account_api\".{call} AS body OFFSET 0) AS called"
        );
        let outcome = pool.query(&sql, &[]);
        let row = match outcome {
            Ok(rows) => rows.into_iter().next().unwrap(),
            failed => return Err(error_of(failed)),
        };
        let listed: Vec<serde_json::Map<String, Value>> = row
            .get::<_, Option<String>>(1)
            .map(|text| serde_json::from_str(&text).unwrap())
            .unwrap_or_default();
        let headers = listed
            .into_iter()
            .flatten()
            .map(|(name, value)| (name, value.as_str().unwrap().to_owned()))
            .collect();
        Ok(Answer { status: row.get(2), headers, body: row.get(0) })
    }

    /// A completed export of a tenant, asked for over HTTP.
    fn completed(&self, pool: &mut Client, tenant: usize, arguments: &str) -> String {
        let call = format!("user_export_jobs({arguments})");
        let answer = self.request(pool, "POST", &self.claims(tenant), &call).unwrap();
        let job = answer.json()["job_id"].as_str().unwrap().to_owned();
        let ended = wait_for_job(&mut self.app.session(&self.app.nologin, tenant), &job);
        assert_eq!(ended.get::<_, String>("status"), "completed");
        job
    }
}

#[test]
fn ask_poll_and_take() {
    let site = Site::new();
    let mut pool = site.connection();
    let claims = site.claims(0);
    let call = "user_export_jobs(format => 'csv', filter => '{\"status\": \"active\"}', reason => 'audit')";
    let asked = site.request(&mut pool, "POST", &claims, call).unwrap();
    assert_eq!(asked.status.as_deref(), Some("202"));
    let job = asked.json()["job_id"].as_str().unwrap().to_owned();
    assert_eq!(asked.header("Location"), Some(format!("/rpc/user_export_job?job={job}").as_str()));
    assert_eq!(
        (&asked.json()["actor"], &asked.json()["tenant"]),
        (&json!("anna"), &json!(site.app.tenants[0]))
    );

    wait_for_job(&mut site.app.session(&site.app.nologin, 0), &job);
    let get = format!("user_export_job(job => '{job}')");
    let polled = site.request(&mut pool, "GET", &claims, &get).unwrap();
    assert_eq!(
        (&polled.json()["status"], &polled.json()["requested_by"]),
        (&json!("completed"), &json!(site.app.nologin))
    );
    assert_eq!((polled.status.as_deref(), polled.header("Cache-Control")), (None, Some("no-store")));

    let take = format!("user_export_file(job => '{job}')");
    let taken = site.request(&mut pool, "POST", &claims, &take).unwrap();
    let csv = String::from_utf8(taken.body.clone()).unwrap();
    assert!(csv.contains("user1@a.example") && !csv.contains("@b.example"), "{csv}");
    let name = polled.json()["files"][0]["name"].as_str().unwrap().to_owned();
    assert_eq!(taken.header("Content-Type"), Some("text/csv; charset=utf-8"));
    assert_eq!(
        taken.header("Content-Disposition"),
        Some(format!("attachment; filename=\"{name}\"; filename*=UTF-8''{name}").as_str())
    );
    assert_eq!(taken.header("X-Content-Type-Options"), Some("nosniff"));
    let events = asking::column(
        &mut site.app.superuser(),
        &format!(
            "SELECT concat_ws(' ', actor, role, tenant) FROM acct_export.audit
                  WHERE job_id = '{job}' AND event = 'user.bulk_export.downloaded'"
        ),
    );
    assert_eq!(events, [format!("anna {} {}", site.app.nologin, site.app.tenants[0])]);
    // The settings of the request are gone with it, and the next one of the pool is somebody else's.
    let left =
        pool.query_one("SELECT current_user::text, current_setting('app.tenant_id', true)", &[]).unwrap();
    assert_eq!(left.get::<_, String>(0), site.authenticator);
    assert_eq!(left.get::<_, Option<String>>(1).unwrap_or_default(), "");
    let error = site.request(&mut pool, "POST", &site.claims(1), &take).unwrap_err();
    assert_eq!(error.sqlstate, "PT404");
}

/// A workbook's bytes, too, are what acct_export_file gives.
#[test]
fn bytes_are_the_files() {
    let site = Site::new();
    let mut pool = site.connection();
    let job = site.completed(&mut pool, 1, "options => '{\"compact\": true}'");
    let taken =
        site.request(&mut pool, "POST", &site.claims(1), &format!("user_export_file('{job}')")).unwrap();
    assert!(taken.body == asking::file(&mut site.app.session(&site.app.nologin, 1), &job));
    assert!(taken.header("Content-Type").unwrap().starts_with("application/vnd.openxmlformats"));
}

#[test]
fn errors_are_http_statuses() {
    let site = Site::new();
    let mut pool = site.connection();
    let claims = site.claims(0);
    let mut refused = |method: &str, claims: &Value, call: &str, sqlstate: &str, named: &str| {
        let error = site.request(&mut pool, method, claims, call).unwrap_err();
        assert_eq!(error.sqlstate, sqlstate, "{call}: {error:?}");
        assert!(error.message.contains(named), "{call}: {error:?}");
        error
    };
    let job = site.completed(&mut site.connection(), 0, "format => 'csv'");
    let nobody = "00000000-0000-4000-8000-000000000000";
    for call in ["user_export_job", "user_export_file"] {
        let error = refused("POST", &claims, &format!("{call}('{nobody}')"), "PT404", nobody);
        assert!(error.hint.unwrap().contains("acct_export_jobs"));
        refused("POST", &site.claims(1), &format!("{call}('{job}')"), "PT404", &job);
    }
    // PostgREST's own: 400, 403, and 405 for a download by GET, which could not be audited.
    refused("POST", &claims, "user_export_jobs(format => 'pdf')", "22023", "pdf");
    refused("GET", &claims, &format!("user_export_file('{job}')"), "25006", "read-only");
    refused("GET", &claims, "user_export_jobs()", "25006", "read-only");
    let stranger = json!({"role": site.app.nologin, "sub": "anna"});
    refused("POST", &stranger, "user_export_jobs()", "42501", "no tenant is set");
    refused("POST", &stranger, &format!("user_export_file('{job}')"), "PT404", &job);
    // Gone, failed or unfinished.
    let mut session = site.app.session(&site.app.nologin, 0);
    session.execute(&format!("SELECT acct_export_delete('{job}')"), &[]).unwrap();
    refused("POST", &claims, &format!("user_export_file('{job}')"), "PT409", "expired or was deleted");
    // One that another transaction has just asked for.
    session.batch_execute("SET app.user_id = 'anna'; BEGIN").unwrap();
    asking::start(&mut session, "'users', 'json'");
    refused("POST", &claims, "user_export_jobs(format => 'json')", "PT409", "identical export");
    session.batch_execute("ROLLBACK").unwrap();
}

/// A role without grants calls nothing.
#[test]
fn others_have_no_way_in() {
    let site = Site::new();
    let mut pool = site.connection();
    site.app
        .superuser()
        .batch_execute(&format!("GRANT {} TO {}", site.app.login, site.authenticator))
        .unwrap();
    pool.batch_execute("BEGIN").unwrap();
    pool.batch_execute(&format!("SET LOCAL ROLE {}", site.app.login)).unwrap();
    assert_eq!(error_of(pool.query("SELECT account_api.user_export_jobs()", &[])).sqlstate, "42501");
    pool.batch_execute("ROLLBACK").unwrap();
}
