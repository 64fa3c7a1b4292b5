//! Administrators of two tenants, whose profile, groups and teams are names of rows of other tables.

mod checked;
mod csv_table;

pub use checked::{check, in_short, problems, refused, Problem, CHECK, NONE};
pub use csv_table::CsvTable;

use postgres::Client;
use std::process::Command;

use crate::common::{done, python, shared, unique};

pub struct Admins {
    pub db: String,
    pub role: String,
}

impl Admins {
    /// `n` administrators of each tenant, registered with their references.
    pub fn create(n: u32) -> Admins {
        let cluster = shared();
        let this =
            Admins { db: cluster.create_database_with_extension("admins"), role: unique("admins_role") };
        this.superuser().batch_execute(&schema(&this.role, n)).unwrap();
        this
    }

    pub fn superuser(&self) -> Client {
        shared().connect(&self.db, "postgres")
    }

    /// A session within tenant 1 or 2.
    pub fn session(&self, tenant: u32) -> Client {
        let mut client = shared().connect(&self.db, &self.role);
        client.batch_execute(&format!("SET app.tenant_id = '{tenant}'")).unwrap();
        client
    }

    pub fn execute(&self, sql: &str) {
        self.superuser().batch_execute(sql).unwrap();
    }
}

fn schema(role: &str, n: u32) -> String {
    format!(
        r#"
        CREATE ROLE {role} LOGIN;
        CREATE SCHEMA app;
        CREATE TYPE app.level AS ENUM ('low', 'high');
        CREATE TABLE app.profiles (tenant_id int, name text, hidden boolean DEFAULT false, PRIMARY KEY (tenant_id, name));
        CREATE TABLE app.groups (tenant_id int, name text, PRIMARY KEY (tenant_id, name));
        CREATE TABLE app.teams (tenant_id int, name text, PRIMARY KEY (tenant_id, name));
        CREATE TABLE app.admins (
            tenant_id int NOT NULL, email text NOT NULL, name text, phone text, profile text, main_group text,
            secondary_groups text[], teams text[], created_on date, updated_at timestamptz, logins int,
            score numeric(12,2), level app.level, enabled boolean, note text, PRIMARY KEY (tenant_id, email));
        INSERT INTO app.profiles SELECT t, p FROM (VALUES (1), (2)) AS t (t), unnest(ARRAY['Super Administrator', 'Viewer', 'O''Neill & <Sons>']) AS p;
        INSERT INTO app.profiles VALUES (1, 'Only of one'), (2, 'Only of two');
        INSERT INTO app.groups SELECT t, g FROM (VALUES (1), (2)) AS t (t), unnest(ARRAY['Europe', 'France', 'Spain', 'apac', 'Sales, EMEA']) AS g;
        INSERT INTO app.teams SELECT t, g FROM (VALUES (1), (2)) AS t (t), unnest(ARRAY['EMEA', 'Support']) AS g;
        INSERT INTO app.admins
        SELECT t, format('admin%s@%s.example', n, t), CASE WHEN n % 5 > 0 THEN format('Name "%s" é', n) END, '+3361234567' || n % 10,
            (ARRAY['Super Administrator', 'Viewer', 'O''Neill & <Sons>'])[1 + n % 3], 'Europe',
            CASE n % 3 WHEN 0 THEN '{{France,Spain}}' WHEN 1 THEN ARRAY['Sales, EMEA', 'Spain'] ELSE '{{}}' END::text[],
            CASE WHEN n % 4 = 0 THEN NULL ELSE ARRAY['EMEA', 'Support'] END,
            date '2025-10-24' + n, timestamptz '2026-05-22 10:11:12.345678+00' + n * interval '37 minutes', n * 7, n * 1.25,
            (ARRAY['low', 'high'])[1 + n % 2]::app.level, n % 10 <> 9,
            CASE n % 6 WHEN 0 THEN E' two\nlines ' WHEN 1 THEN '=1+1' WHEN 2 THEN '007' WHEN 3 THEN E'tab\tand \r\n break' WHEN 4 THEN '' END
        FROM (VALUES (1), (2)) AS t (t), generate_series(1, {n}) AS n;
        DO $$
        DECLARE r regclass;
        BEGIN
            FOR r IN SELECT oid FROM pg_class WHERE relnamespace = 'app'::regnamespace AND relkind = 'r' LOOP
                EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', r);
                EXECUTE format('CREATE POLICY tenant ON %s USING (tenant_id = (SELECT nullif(current_setting(''app.tenant_id'', true), '''')::int))', r);
            END LOOP;
        END $$;
        GRANT USAGE ON SCHEMA app TO {role};
        GRANT SELECT ON ALL TABLES IN SCHEMA app TO {role};
        SELECT acct_export_register('profiles', 'app.profiles', 'name', tenant_column => 'tenant_id', title => 'Administrator Profiles');
        SELECT acct_export_register('groups', 'app.groups', 'name', tenant_column => 'tenant_id', title => 'Administrator Groups');
        SELECT acct_export_register('teams', 'app.teams', 'name', tenant_column => 'tenant_id', title => 'Teams');
        SELECT acct_export_register('admins', 'app.admins', 'email', tenant_column => 'tenant_id', updated_column => 'updated_at',
            title => 'Administrators');
        SELECT acct_export_set_field('admins', 'tenant_id', is_default => false);
        SELECT acct_export_set_field('admins', 'email', label => 'Administrator email address', "position" => 1);
        SELECT acct_export_set_field('admins', 'main_group', label => 'Main group');
        SELECT acct_export_set_field('admins', 'secondary_groups', label => 'Secondary groups');
        SELECT acct_export_set_reference('admins', 'profile', 'profiles', 'name');
        SELECT acct_export_set_reference('admins', 'main_group', 'groups');
        SELECT acct_export_set_reference('admins', 'secondary_groups', 'groups');
        SELECT acct_export_set_reference('admins', 'teams', 'teams');
        "#
    )
}

/// The workbook after a Python script: `script` works on `book`, as openpyxl loads it, which is saved afterwards.
pub fn edited(workbook: &[u8], script: &str) -> Vec<u8> {
    let place = tempfile::tempdir().unwrap();
    let (from, to) = (place.path().join("from.xlsx"), place.path().join("to.xlsx"));
    std::fs::write(&from, workbook).unwrap();
    let program = format!(
        "import sys, datetime, openpyxl\nbook = openpyxl.load_workbook(sys.argv[1])\nsheet = book.worksheets[0]\n{script}\nbook.save(sys.argv[2])\n"
    );
    done(Command::new(python::with_packages()).arg("-c").arg(program).arg(&from).arg(&to));
    std::fs::read(to).unwrap()
}

/// The output of a script on a workbook.
pub fn told(workbook: &[u8], script: &str) -> String {
    let place = tempfile::tempdir().unwrap();
    let from = place.path().join("from.xlsx");
    std::fs::write(&from, workbook).unwrap();
    let program = format!("import sys, openpyxl\nbook = openpyxl.load_workbook(sys.argv[1])\nsheet = book.worksheets[0]\n{script}\n");
    let output = done(Command::new(python::with_packages()).arg("-c").arg(program).arg(&from));
    String::from_utf8(output.stdout).unwrap()
}

/// The workbook as LibreOffice saves it, or in another format.
pub fn saved_by_libreoffice(workbook: &[u8], format: &str) -> Vec<u8> {
    converted(workbook, "xlsx", &[], format)
}

/// A CSV file as LibreOffice saves it again. `reading` and `writing`: tokens of its filter "Text - txt - csv (StarCalc)" (LibreOffice
/// help, "CSV Filter Parameters").
pub fn csv_saved_by_libreoffice(file: &[u8], reading: &str, writing: &str) -> Vec<u8> {
    let infilter = format!("--infilter=Text - txt - csv (StarCalc):{reading}");
    converted(file, "csv", &[&infilter], &format!("csv:Text - txt - csv (StarCalc):{writing}"))
}

fn converted(file: &[u8], extension: &str, arguments: &[&str], format: &str) -> Vec<u8> {
    let place = tempfile::tempdir().unwrap();
    let from = place.path().join("from").with_extension(extension);
    std::fs::write(&from, file).unwrap();
    let out = place.path().join("out");
    let output = done(
        Command::new("soffice")
            .arg(format!("-env:UserInstallation=file://{}/profile", place.path().display()))
            .args(["--headless", "--norestore"])
            .args(arguments)
            .args(["--convert-to", format, "--outdir"])
            .arg(&out)
            .arg(&from),
    );
    let extension = format.split(':').next().unwrap();
    std::fs::read(out.join("from").with_extension(extension))
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)))
}
