//! Files that were made among random calls: no secret is in them, and no row of another tenant.

use std::io::{Cursor, Read};

use support::common::{TwoTenants, SECRET};

/// Searches all files that are stored; those of ordinary roles must have rows of their tenant only. Returns the number of the latter.
#[track_caller]
pub fn assert_own_rows_only(app: &TwoTenants) -> usize {
    let mut superuser = app.superuser();
    let sql = "SELECT f.job::text, f.name, acct_export_file(f.job, f.file), j.tenant, j.requested_role
                 FROM acct_export.file AS f JOIN acct_export.job AS j ON j.id = f.job WHERE f.status = 'stored'";
    let mut own = 0;
    for row in superuser.query(sql, &[]).unwrap() {
        let (job, name, bytes): (&str, &str, Vec<u8>) = (row.get(0), row.get(1), row.get(2));
        let text = unpacked(&bytes);
        assert!(!text.contains(SECRET), "a secret is in {name} of job {job}");
        let (tenant, role): (Option<&str>, &str) = (row.get(3), row.get(4));
        if role == app.login || role == app.nologin {
            let other = if tenant == Some(&app.tenants[0]) { "@b.example" } else { "@a.example" };
            // A workbook repeats the request, whose filter may name the domain: rows have a number before it.
            let mut found = text.match_indices(other);
            let is_row =
                found.any(|(place, _)| text[..place].ends_with(|letter: char| letter.is_ascii_digit()));
            assert!(
                !is_row,
                "a row of another tenant is in {name} of job {job}, tenant {tenant:?}, role {role}"
            );
            own += 1;
        }
    }
    own
}

/// The text of a file: of all parts of a ZIP archive, and of archives in it, and of compressed files.
fn unpacked(bytes: &[u8]) -> String {
    if bytes.starts_with(b"PK") {
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let parts = (0..archive.len()).map(|index| {
            let mut part = Vec::new();
            archive.by_index(index).unwrap().read_to_end(&mut part).unwrap();
            unpacked(&part)
        });
        return parts.collect();
    }
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut content = Vec::new();
        flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut content).unwrap();
        return unpacked(&content);
    }
    String::from_utf8_lossy(bytes).into_owned()
}
