//! A publication of all tables refuses changes of rows that have no identity: none of the extension's tables does without.

use support::asking::{column, completed, refusal};
use support::common::{Cluster, ClusterOptions};

#[test]
fn all_tables_have_a_replica_identity() {
    let cluster = Cluster::start(ClusterOptions::preloaded().set("wal_level", "logical"));
    let db = cluster.create_database_with_extension("published");
    let mut client = cluster.connect(&db, "postgres");
    let bare = column(
        &mut client,
        "SELECT c.oid::regclass::text FROM pg_class c
          WHERE c.relnamespace = 'acct_export'::regnamespace AND c.relkind IN ('r', 'p')
            AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND i.indimmediate)",
    );
    assert!(bare.is_empty(), "without a primary key: {bare:?}");
    client
        .batch_execute(
            "CREATE TABLE t (id int PRIMARY KEY, note text, pin_code text, doc jsonb);
             INSERT INTO t VALUES (1, 'a', 'b', '{\"a\": 1}');
             CREATE FUNCTION f(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1';
             CREATE PUBLICATION everything FOR ALL TABLES",
        )
        .unwrap();
    for _ in 0..2 {
        client
            .batch_execute(
                "SELECT acct_export_secret_column('t', 'note', 'one'); SELECT acct_export_secret_column('t', 'note', 'two');
                 SELECT acct_export_exempt_column('t', 'pin_code', 'one'); SELECT acct_export_exempt_column('t', 'pin_code', 'two');
                 SELECT acct_export_secret_name('badge', 'one'); SELECT acct_export_secret_name('badge', 'two');
                 SELECT acct_export_clean_function('f(text)', 'one'); SELECT acct_export_clean_function('f(text)', 'two');
                 SELECT acct_export_shared_table('t', 'one'); SELECT acct_export_shared_table('t', 'two');
                 SELECT acct_export_register('t', 't', 'id'); SELECT acct_export_register('u', 't', 'id', companions => '{t}');
                 SELECT acct_export_set_field('t', 'pin_code', label => 'PIN', \"position\" => 1);
                 SELECT acct_export_expand('t', 'doc'); SELECT acct_export_set_policy('t', max_active => 5);
                 SELECT acct_export_set_companion('u', 't', 'id'); SELECT acct_export_set_companion('u', 't');
                 SELECT acct_export_set_reference('u', 'pin_code', 't', 'pin_code'); SELECT acct_export_alter('t', title => 'T');
                 SELECT acct_export_register('t', 't', 'id', replace => true); SELECT acct_export_refresh('t');
                 ALTER TABLE t RENAME note TO memo; ALTER TABLE t RENAME memo TO note;",
            )
            .unwrap();
        let job = completed(&mut client, "'t', 'csv'");
        client
            .batch_execute(&format!("SELECT acct_export_file('{job}'); SELECT acct_export_delete('{job}')"))
            .unwrap();
        let job = completed(&mut client, "'t', 'xlsx'");
        client
            .batch_execute(&format!("SELECT acct_export_purge(); SELECT acct_export_chunks('{job}')"))
            .unwrap();
        client
            .batch_execute(
                "SELECT acct_export_set_template('completed', 'done', NULL); SELECT acct_export_set_template('completed', 'did', NULL);
                 SELECT acct_export_set_template('completed', NULL, NULL);
                 SELECT acct_export_audit_remove(clock_timestamp(), 'a test');
                 SELECT acct_export_unregister('t'); SELECT acct_export_unregister('u');
                 SELECT acct_export_secret_column('t', 'note', NULL); SELECT acct_export_exempt_column('t', 'pin_code', NULL);
                 SELECT acct_export_secret_name('badge', NULL); SELECT acct_export_clean_function('f(text)', NULL);
                 SELECT acct_export_shared_table('t', NULL)",
            )
            .unwrap();
    }
    assert_eq!(column(&mut client, "SELECT object FROM acct_export_declarations"), Vec::<String>::new());
    let error = refusal(&mut client, "SELECT acct_export_secret_column('t', 'note', NULL)");
    assert_eq!(error.sqlstate, "22023");
}
