SET LOCAL search_path TO pg_catalog, pg_temp; -- see schema.sql

-- Fields whose values are those of another dataset: sheets and choices in workbooks, and what an import is checked against.
CREATE TABLE acct_export.reference (
    dataset     text NOT NULL,
    field       text NOT NULL,
    ref_dataset text NOT NULL,
    ref_field   text NOT NULL,
    PRIMARY KEY (dataset, field),
    FOREIGN KEY (dataset, field) REFERENCES acct_export.field ON UPDATE CASCADE ON DELETE CASCADE,
    FOREIGN KEY (ref_dataset, ref_field) REFERENCES acct_export.field ON UPDATE CASCADE ON DELETE CASCADE
);
COMMENT ON TABLE acct_export.reference IS 'fields whose values are those of a field of another dataset (acct_export_set_reference)';
SELECT pg_catalog.pg_extension_config_dump('acct_export.reference', '');

CREATE VIEW @extschema@.acct_export_references WITH (security_barrier) AS
SELECT r.dataset, r.field, r.ref_dataset, r.ref_field
  FROM acct_export.reference r
  JOIN acct_export.dataset d ON d.dataset = r.dataset
  JOIN acct_export.dataset o ON o.dataset = r.ref_dataset
 WHERE acct_export.may_know(d.source::oid, d.required_roles) AND acct_export.may_know(o.source::oid, o.required_roles)
 ORDER BY r.dataset, r.field;
COMMENT ON VIEW @extschema@.acct_export_references IS 'references between fields of datasets that the caller may export (acct_export_set_reference)';
GRANT SELECT ON @extschema@.acct_export_references TO PUBLIC;

COMMENT ON FUNCTION @extschema@.acct_export_set_reference(text, text, text, text) IS 'says that the values of a field are those of a field of another dataset; NULL: of none';
COMMENT ON FUNCTION @extschema@.acct_export_check_import(text, bytea) IS 'compares an edited workbook or CSV file with the database: references that do not exist, what changed, what would be new, what cannot be imported';

SET LOCAL search_path TO @extschema@, pg_temp;
