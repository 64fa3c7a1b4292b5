//! Shared parts of the tests of mails and webhooks: an application whose exports send messages, and servers that take them.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use postgres::{Client, Row};

use crate::asking::{start, text};
use crate::common::{shared, wait_for_job, wait_until, TwoTenants};
use crate::remote::Smtp;

pub const LIMIT: Duration = Duration::from_secs(60);
pub const ADDRESS: &str = "zoe@example.com";
/// With characters that mail, SQL and JSON have their own ideas of.
pub const SIGNING_SECRET: &str = "a secret to sign with's \"quotes\"";

/// Two tenants of five users, dataset `users`, and a view of them that breaks when it is read: dataset `broken`.
pub fn app() -> TwoTenants {
    let app = TwoTenants::with_users(shared(), 5);
    app.superuser()
        .batch_execute(&format!(
            "CREATE VIEW app.broken WITH (security_invoker = true) AS SELECT id, tenant_id, 1 / (id - id) AS share FROM app.users;
             GRANT SELECT ON app.broken TO {login};
             SELECT acct_export_register('broken', 'app.broken', 'id', tenant_column => 'tenant_id', title => 'Odd shares');
             SELECT acct_export_register('users', 'app.users', 'id', tenant_column => 'tenant_id',
                 created_column => 'created_at', title => 'Users', companions => '{{broken}}', replace => true)",
            login = app.login
        ))
        .unwrap();
    app
}

/// A mail server's object with user mapping and USAGE for the application's login role. `options` beside host and sender.
pub fn mail_server(app: &TwoTenants, name: &str, port: u16, options: &str, smtp: &Smtp) {
    app.superuser()
        .batch_execute(&format!(
            "CREATE SERVER {name} FOREIGN DATA WRAPPER acct_export_smtp OPTIONS (host '127.0.0.1', port '{port}',
                 from 'Account exports <no-reply@example.com>', retry_interval '1'{options});
             CREATE USER MAPPING FOR PUBLIC SERVER {name} OPTIONS (user '{user}', password '{password}');
             GRANT USAGE ON FOREIGN SERVER {name} TO {login}",
            user = smtp.user,
            password = smtp.password,
            login = app.login
        ))
        .unwrap();
}

/// The usual one: STARTTLS, and the authority that signed its certificate.
pub fn mails_by(app: &TwoTenants, smtp: &Smtp) {
    mails_through(app, smtp, smtp.port_starttls());
}

/// The same with a proxy in between.
pub fn mails_through(app: &TwoTenants, smtp: &Smtp, port: u16) {
    let options = format!(", sslrootcert '{}'", smtp.ca_file().display());
    mail_server(app, "mails", port, &options, smtp);
}

/// A webhook's object, signing, with USAGE for the login role. `options` beside its url.
pub fn webhook(app: &TwoTenants, name: &str, url: &str, options: &str) {
    app.superuser()
        .batch_execute(&format!(
            "CREATE SERVER {name} FOREIGN DATA WRAPPER acct_export_webhook OPTIONS (url '{url}', retry_interval '1'{options});
             CREATE USER MAPPING FOR PUBLIC SERVER {name} OPTIONS (secret '{secret}');
             GRANT USAGE ON FOREIGN SERVER {name} TO {login}",
            secret = SIGNING_SECRET.replace('\'', "''"),
            login = app.login
        ))
        .unwrap();
}

/// An export that asks for a mail, until its end.
#[track_caller]
pub fn exported(client: &mut Client, arguments: &str) -> String {
    let job = start(client, &format!("{arguments}, notify_email => '{ADDRESS}'"));
    wait_for_job(client, &job);
    job
}

/// The message about a job, when it was sent or given up.
#[track_caller]
pub fn message(client: &mut Client, job: &str) -> Row {
    let settled = "SELECT *, tries AS n FROM acct_export_messages
                    WHERE job_id::text = $1 AND (sent_at IS NOT NULL OR failed_at IS NOT NULL)";
    wait_until(LIMIT, &format!("the message about {job} is settled"), || {
        client.query(settled, &[&job]).unwrap().len() == 1
    });
    client.query_one(settled, &[&job]).unwrap()
}

/// The message about a job, which was sent.
#[track_caller]
pub fn sent(client: &mut Client, job: &str) -> Row {
    let row = message(client, job);
    let error: Option<String> = row.get("error");
    assert_eq!((error, is_null(&row, "sent_at")), (None, false), "the message about {job}");
    row
}

/// The message about a job, which was given up: its error and SQLSTATE.
#[track_caller]
pub fn given_up(client: &mut Client, job: &str) -> (String, String, i32) {
    let row = message(client, job);
    assert!(is_null(&row, "sent_at") && is_null(&row, "next_try_at"), "the message about {job} was sent");
    (row.get("error_code"), row.get("error"), row.get("tries"))
}

fn is_null(row: &Row, column: &str) -> bool {
    row.try_get::<_, Option<std::time::SystemTime>>(column).unwrap().is_none()
}

/// The one mail about a job, as it was delivered.
#[track_caller]
pub fn mail(smtp: &Smtp, job: &str) -> Mail {
    wait_until(LIMIT, &format!("a mail about {job} is delivered"), || !mails(smtp, job).is_empty());
    let mut all = mails(smtp, job);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

/// All mails about a job so far.
pub fn mails(smtp: &Smtp, job: &str) -> Vec<Mail> {
    smtp.mails().iter().filter(|mail| mail.contains(job)).map(|mail| Mail::read(mail)).collect()
}

#[derive(Debug)]
pub struct Mail {
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Mail {
    /// By Python's own library, which knows the encodings of headers and texts.
    fn read(text: &str) -> Self {
        const SCRIPT: &str = "import email, email.policy, json, sys
mail = email.message_from_binary_file(sys.stdin.buffer, policy=email.policy.default)
headers = [(name.lower(), str(value)) for name, value in mail.items()]
print(json.dumps([headers, mail.get_content(), [str(d) for d in mail.defects]]))";
        let mut python = Command::new("python3");
        python.args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut python = python.spawn().unwrap();
        python.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = python.wait_with_output().unwrap();
        let (headers, body, defects): (_, String, Vec<String>) =
            serde_json::from_slice(&output.stdout).unwrap();
        assert!(defects.is_empty(), "{defects:?}: {text}");
        Self { headers, body: body.replace("\r\n", "\n") }
    }

    /// The values of a header, by its name in lower case.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a header that is there once.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let found = self.all(name);
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        found[0]
    }
}

/// Nothing of it in any place where others than superusers look, nor in the extension's tables, nor in the server's log since
/// `log_from`.
#[track_caller]
pub fn is_nowhere(app: &TwoTenants, secret: &str, log_from: usize) {
    let log = shared().log();
    assert!(!log[log_from..].contains(secret), "the log holds it");
    let views = [
        "acct_export_jobs",
        "acct_export_messages",
        "pg_stat_activity",
        "pg_user_mappings",
        "pg_foreign_server",
    ];
    let tables = ["acct_export.outbox", "acct_export.job", "acct_export.audit", "pg_stat_activity"];
    for (mut client, places) in [(app.session(&app.login, 0), &views[..]), (app.superuser(), &tables[..])] {
        for place in places {
            // The word is a parameter, and so in no query that is shown.
            let held = format!("SELECT count(*) FROM {place} v WHERE strpos(to_jsonb(v)::text, $1) > 0");
            assert_eq!(client.query_one(&held, &[&secret]).unwrap().get::<_, i64>(0), 0, "{place}");
        }
    }
}

/// Process id of the sender of this database, once there is one.
#[track_caller]
pub fn sender(app: &TwoTenants) -> i32 {
    let mut superuser = app.superuser();
    let pid = "SELECT pid::text FROM pg_stat_activity WHERE backend_type = 'pg_acctexport sender' AND datname = current_database()";
    wait_until(LIMIT, "there is a sender", || !superuser.query(pid, &[]).unwrap().is_empty());
    text(&mut superuser, pid).unwrap().parse().unwrap()
}
