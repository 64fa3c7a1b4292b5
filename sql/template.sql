SET LOCAL search_path TO pg_catalog, pg_temp; -- see schema.sql

-- Texts of mails, where a superuser has put their own in the place of those that the extension brings (src/notify/template.rs).
CREATE TABLE acct_export.template (
    name    text PRIMARY KEY CHECK (name IN ('completed', 'completed_with_errors', 'failed')),
    subject text CHECK (subject <> '' AND subject !~ '[\u0001-\u001f\u007f-\u009f]'),
    body    text CHECK (body <> ''),
    CHECK (subject IS NOT NULL OR body IS NOT NULL)
);
COMMENT ON TABLE acct_export.template IS 'subjects and texts of mails that superusers have set (acct_export_set_template); NULL: the extension''s own';
SELECT pg_catalog.pg_extension_config_dump('acct_export.template', '');

CREATE VIEW @extschema@.acct_export_templates AS
SELECT b.name, coalesce(t.subject, b.subject) AS subject, coalesce(t.body, b.body) AS body, t.name IS NOT NULL AS is_set
  FROM acct_export.built_in_templates() b LEFT JOIN acct_export.template t USING (name)
 ORDER BY b.name;
COMMENT ON VIEW @extschema@.acct_export_templates IS 'subjects and texts of mails as they are in force (acct_export_set_template)';
COMMENT ON COLUMN @extschema@.acct_export_templates.name IS 'outcome that the mail reports: completed, completed_with_errors or failed';
COMMENT ON COLUMN @extschema@.acct_export_templates.subject IS 'subject, with placeholders like {job}';
COMMENT ON COLUMN @extschema@.acct_export_templates.body IS 'text, with placeholders; a line with one that stands for nothing is left out';
COMMENT ON COLUMN @extschema@.acct_export_templates.is_set IS 'whether a superuser has set it, or a part of it';
REVOKE ALL ON @extschema@.acct_export_templates FROM PUBLIC;

COMMENT ON FUNCTION acct_export.built_in_templates() IS 'subjects and texts of mails that the extension brings';
COMMENT ON FUNCTION @extschema@.acct_export_set_template(text, text, text) IS 'for superusers: sets subject and text of the mails about an outcome; NULL for both: the extension''s own again';
-- The function refuses others than superusers itself, whoever was granted it.
REVOKE ALL ON FUNCTION @extschema@.acct_export_set_template(text, text, text) FROM PUBLIC;

SET LOCAL search_path TO @extschema@, pg_temp;
