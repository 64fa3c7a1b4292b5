//! Errors of functions whose body is SQL are those of the functions behind them: the server adds no line of ours.

use support::asking::refusal;
use support::common::{shared, TwoTenants};

#[test]
fn errors_have_no_context_of_ours() {
    let app = TwoTenants::with_users(shared(), 5);
    let mut client = app.session(&app.login, 0);
    let nobody = "bb37d9ca-f59e-4a98-97e4-b6b0eef3ed5b";
    for sql in [
        "SELECT acct_export_register('d', 'app.users', 'id')".to_owned(),
        "SELECT acct_export_alter('users', title => 'x')".to_owned(),
        "SELECT acct_export_set_policy('users', max_rows => 1)".to_owned(),
        "SELECT acct_export_set_companion('users', 'other')".to_owned(),
        "SELECT acct_export_secret_column('app.users', 'email', 'x')".to_owned(),
        "SELECT acct_export_exempt_column('app.users', 'email', 'x')".to_owned(),
        "SELECT acct_export_secret_name('x', 'x')".to_owned(),
        "SELECT acct_export_clean_function('lower(text)', 'x')".to_owned(),
        "SELECT acct_export_shared_table('app.users', 'x')".to_owned(),
        "SELECT * FROM acct_export_check('nothing')".to_owned(),
        "SELECT * FROM acct_export_scan('nothing')".to_owned(),
        format!("SELECT * FROM acct_export_status('{nobody}')"),
        format!("SELECT acct_export_status('{nobody}')"),
        format!("SELECT (acct_export_status('{nobody}')).status"),
        format!("SELECT status FROM acct_export_wait('{nobody}', '1 s')"),
    ] {
        let error = refusal(&mut client, &sql);
        assert_eq!(error.context, None, "{sql}: {error:?}");
    }
}
