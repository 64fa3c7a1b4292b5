//! acct_export_set_reference: what refers to what is the owners' to say.

use support::admins::Admins;
use support::common::error_of;

#[test]
fn references_are_the_owners_to_set() {
    let admins = Admins::create(1);
    let mut superuser = admins.superuser();
    for (sql, sqlstate, named) in [
        ("'nothing', 'profile', 'profiles'", "22023", "unknown dataset \"nothing\""),
        ("'admins', 'nothing', 'profiles'", "22023", "unknown field \"nothing\""),
        ("'admins', 'profile', 'nothing'", "22023", "unknown dataset \"nothing\""),
        ("'admins', 'profile', 'profiles', 'nothing'", "22023", "unknown field \"nothing\""),
        ("'admins', 'profile', 'profiles', 'hidden'", "22023", "type boolean"),
        ("'admins', 'logins', 'profiles'", "22023", "type integer"),
        ("'admins', 'profile', NULL, 'name'", "22023", "ref_field needs ref_dataset"),
        ("'admins', 'profile', ''", "22023", "ref_dataset must not be null or empty"),
        ("NULL, 'profile', 'profiles'", "22023", "dataset must not be null or empty"),
        ("'admins', NULL, 'profiles'", "22023", "field must not be null or empty"),
    ] {
        let error = error_of(superuser.query(&format!("SELECT acct_export_set_reference({sql})"), &[]));
        assert_eq!(error.sqlstate, sqlstate, "{sql}: {error:?}");
        assert!(error.message.contains(named), "{sql}: {error:?}");
    }
    superuser.batch_execute("SELECT acct_export_set_field('profiles', 'name', mask => 'redact')").unwrap();
    let error =
        error_of(superuser.query("SELECT acct_export_set_reference('admins', 'profile', 'profiles')", &[]));
    assert_eq!((error.sqlstate.as_str(), error.message.contains("masked")), ("42501", true), "{error:?}");
    let error = error_of(
        admins.session(1).query("SELECT acct_export_set_reference('admins', 'profile', 'profiles')", &[]),
    );
    assert_eq!(error.sqlstate, "42501");
    // The owner of one of the two is not enough.
    admins.execute(&format!("ALTER TABLE app.admins OWNER TO {}", admins.role));
    let error = error_of(
        admins.session(1).query("SELECT acct_export_set_reference('admins', 'profile', 'profiles')", &[]),
    );
    assert_eq!(
        (error.sqlstate.as_str(), error.message.as_str()),
        ("42501", "must be owner of relation app.profiles")
    );

    let listed = |sql: &str| -> Vec<String> {
        admins.session(1).query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
    };
    let all = "SELECT dataset || '.' || field || ' ' || ref_dataset || '.' || ref_field FROM acct_export_references";
    assert_eq!(
        listed(all),
        [
            "admins.main_group groups.name",
            "admins.profile profiles.name",
            "admins.secondary_groups groups.name",
            "admins.teams teams.name"
        ]
    );
    // They go with either end.
    admins.execute("SELECT acct_export_unregister('groups'); ALTER TABLE app.admins DROP COLUMN teams;
                    SELECT acct_export_register('admins', 'app.admins', 'email', tenant_column => 'tenant_id', replace => true)");
    assert_eq!(listed(all), ["admins.profile profiles.name"]);
    admins.execute(&format!("REVOKE SELECT ON app.profiles FROM {}", admins.role));
    assert_eq!(listed(all), Vec::<String>::new());
}
