//! A tenant as a value of its column's type.
//!
//! A setting is text, a tenant is a value: `' 1'` and `'1'` are one tenant of an integer column, and `'ACME'` and `'acme'` one of
//! a citext column. Two texts have the same key if their values are equal by the column's own equality, and
//! different keys otherwise. The query itself compares values (source/narrow.rs); keys are for limits, visibility, pseudonyms,
//! twins of requests, and the audit trail.

use crate::error::{Error, Kind, Result};
use crate::model::{Class, Dataset, Type};
use crate::pg::report::Failure;
use crate::pg::{guc, identity, sql, xact};
use crate::settings;
use crate::value::uuid;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;

/// Type and collation of a tenant column, which decide about equality of its values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantType {
    /// Oid of the type, domains undone; 0: there is no tenant column.
    pub base: u32,
    /// Oid of the column's collation, if it is a nondeterministic one.
    pub collation: Option<u32>,
}

/// A value of a tenant column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// As it is shown.
    pub text: String,
    pub key: String,
}

/// The tenant that a session has set for a dataset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionTenant {
    /// Name of the setting that carries it.
    pub setting: String,
    pub ty: TenantType,
    /// As it is set; None: it is not, or it is empty.
    pub set: Option<String>,
    /// None also where what is set does not fit the type.
    pub value: Option<Tenant>,
}

impl SessionTenant {
    pub fn new(setting: String, ty: TenantType, set: Option<String>) -> Result<SessionTenant> {
        let value = set.as_deref().map(|text| ty.read(text)).transpose()?.flatten();
        Ok(SessionTenant { setting, ty, set, value })
    }

    /// Text for people: the value, or the text that is set if it does not fit the type.
    pub fn text(&self) -> Option<&str> {
        self.value.as_ref().map(|value| value.text.as_str()).or(self.set.as_deref())
    }

    /// Key for limits and pseudonyms: the value's, or the text that is set if it does not fit the type.
    pub fn key(&self) -> Option<&str> {
        self.value.as_ref().map(|value| value.key.as_str()).or(self.set.as_deref())
    }

    /// True if the caller's session has the same tenant set.
    pub fn is_set_here(&self) -> bool {
        match (&self.set, guc::get(&self.setting)) {
            (None, None) => true,
            (Some(then), Some(now)) => *then == now || self.is_equal(&now),
            _ => false,
        }
    }

    fn is_equal(&self, now: &str) -> bool {
        let Some(value) = &self.value else { return false };
        self.ty.read(now).is_ok_and(|now| now.is_some_and(|now| now.key == value.key))
    }
}

impl TenantType {
    pub fn of_dataset(dataset: &Dataset) -> TenantType {
        let column = dataset.tenant_column.as_deref().and_then(|name| dataset.field(name));
        TenantType {
            base: column.map_or(0, |field| field.ty.base),
            collation: column.and(dataset.tenant_collation),
        }
    }

    /// The value that a text is; None: it is none of this type.
    pub fn read(&self, text: &str) -> Result<Option<Tenant>> {
        if self.is_as_written() {
            return Ok(Some(Tenant { text: text.to_owned(), key: text.to_owned() }));
        }
        let known = LAST.with_borrow(|last| {
            last.as_ref().filter(|last| last.ty == *self && last.set == text).map(|last| last.value.clone())
        });
        if let Some(value) = known {
            return Ok(value);
        }
        let value = self.converted(text)?;
        // A label may be added to an enum.
        if value.is_some() {
            let last = Last { ty: self.clone(), set: text.to_owned(), value: value.clone() };
            LAST.set(Some(last));
        }
        Ok(value)
    }

    /// True if two values are equal only if their texts are.
    fn is_as_written(&self) -> bool {
        matches!(self.base, 0 | TEXT | VARCHAR) && self.collation.is_none()
    }

    /// In a subtransaction, as the server's input functions raise errors.
    fn converted(&self, text: &str) -> Result<Option<Tenant>> {
        match xact::attempt(|| self.convert(text)) {
            Ok(value) => Ok(value),
            Err(Failure::Server(error)) if error.sqlstate.starts_with("22") => Ok(None),
            Err(failure) => Err(failure.into_error()),
        }
    }

    fn convert(&self, text: &str) -> Result<Option<Tenant>> {
        let plain = |text: String| Tenant { key: text.clone(), text };
        let cast = |sql: &str| Ok(sql::text(sql, &[text.into()])?.map(plain));
        let padded = matches!(self.base, BPCHAR);
        let text = if padded { text.trim_end_matches(' ') } else { text };
        match self.base {
            TEXT | VARCHAR | BPCHAR => match self.collation {
                None => Ok(Some(plain(text.to_owned()))),
                Some(collation) => collated(text, collation),
            },
            NAME => cast("SELECT $1::pg_catalog.name::text"),
            CHAR => cast("SELECT $1::pg_catalog.\"char\"::text"),
            INT2 => cast("SELECT $1::pg_catalog.int2::text"),
            INT4 => cast("SELECT $1::pg_catalog.int4::text"),
            INT8 => cast("SELECT $1::pg_catalog.int8::text"),
            OID => cast("SELECT $1::pg_catalog.oid::text"),
            NUMERIC => cast("SELECT trim_scale($1::pg_catalog.numeric)::text"),
            UUID if uuid::is_uuid(text) => Ok(Some(plain(text.to_owned()))),
            UUID => cast("SELECT $1::pg_catalog.uuid::text"),
            // By their output functions: a cast to text adds the mask of a single host.
            INET => cast("SELECT format('%s', $1::pg_catalog.inet)"),
            CIDR => cast("SELECT format('%s', $1::pg_catalog.cidr)"),
            base => match Special::of(base)? {
                Some(Special::Enum) => {
                    let label =
                        "SELECT enumlabel::text FROM pg_enum WHERE enumtypid = $2::oid AND enumlabel = $1";
                    let found =
                        identity::as_owner(|| sql::text(label, &[text.into(), i64::from(base).into()]))?;
                    Ok(found.map(plain))
                }
                // As citext_eq does it (citext.c), whatever the column's collation.
                Some(Special::Citext) => cast("SELECT lower($1 COLLATE pg_catalog.\"default\")"),
                None => Ok(Some(plain(text.to_owned()))),
            },
        }
    }
}

/// A text of a column with a nondeterministic collation. Its key is made by the hash function of the type, which is the same for
/// texts that are equal; it is shown in lower case and normalised where that is the same value.
fn collated(text: &str, collation: u32) -> Result<Option<Tenant>> {
    let name = "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.collname)
                  FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace WHERE c.oid = $1::oid";
    let name = identity::as_owner(|| sql::text(name, &[i64::from(collation).into()]))?;
    let Some(name) = name else { return Ok(None) };
    let value = format!(
        "SELECT jsonb_build_object(
             'text', CASE WHEN plain.text COLLATE {name} = $1 THEN plain.text ELSE $1 END,
             'key', to_hex(hashtextextended($1 COLLATE {name}, 0)) || ' ' || to_hex(hashtextextended($1 COLLATE {name}, 1)))
           FROM (SELECT lower(normalize($1) COLLATE {name})::text AS text) AS plain"
    );
    sql::document(&value, &[text.into()])
}

/// Types that are not the server's own.
enum Special {
    Enum,
    Citext,
}

impl Special {
    fn of(base: u32) -> Result<Option<Special>> {
        let kind = "SELECT CASE WHEN t.typtype = 'e' THEN 'enum' WHEN e.extname = 'citext' AND t.typname = 'citext' THEN 'citext' END
                      FROM pg_type t
                      LEFT JOIN pg_depend d ON d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'
                      LEFT JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
                     WHERE t.oid = $1::oid";
        let kind = identity::as_owner(|| sql::text(kind, &[i64::from(base).into()]))?;
        Ok(match kind.as_deref() {
            Some("enum") => Some(Special::Enum),
            Some("citext") => Some(Special::Citext),
            _ => None,
        })
    }
}

/// The value that was read last: whoever lists jobs asks for the same one for each of them.
struct Last {
    ty: TenantType,
    set: String,
    value: Option<Tenant>,
}

thread_local! {
    static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
}

// Oids of pg_type.dat.
const CHAR: u32 = 18;
const NAME: u32 = 19;
const INT8: u32 = 20;
const INT2: u32 = 21;
const INT4: u32 = 23;
const TEXT: u32 = 25;
const OID: u32 = 26;
const CIDR: u32 = 650;
const INET: u32 = 869;
const BPCHAR: u32 = 1042;
const VARCHAR: u32 = 1043;
const NUMERIC: u32 = 1700;
const UUID: u32 = 2950;

/// Setting and type of a dataset's tenant.
const OF_DATASET: &str = "
SELECT jsonb_build_array(d.tenant_setting, coalesce(a.atttypid::bigint, 0),
           (SELECT c.oid::bigint FROM pg_collation c WHERE c.oid = a.attcollation AND NOT c.collisdeterministic))
  FROM acct_export.dataset d
  LEFT JOIN acct_export.field f ON f.dataset = d.dataset AND f.field = d.tenant_column
  LEFT JOIN pg_attribute a ON a.attrelid = d.source AND a.attnum > 0 AND NOT a.attisdropped
        AND CASE WHEN f.relation_oid = d.source::oid THEN a.attnum = f.attnum
                 ELSE a.attname = f.column_name::name AND f.attnum > 0 END
 WHERE d.dataset = $1";

/// Setting and type of the tenant of a dataset by its name; those of no dataset where there is none.
pub fn of_dataset(dataset: &str) -> Result<(Option<String>, TenantType)> {
    let found: Option<(Option<String>, u32, Option<u32>)> =
        identity::as_owner(|| sql::document(OF_DATASET, &[dataset.into()]))?;
    let Some((setting, type_oid, collation)) = found else { return Ok((None, TenantType::default())) };
    let base = if type_oid == 0 { 0 } else { crate::pg::types::describe(type_oid).base };
    Ok((setting, TenantType { base, collation }))
}

/// The tenant of a dataset that the caller's session has set, as text for the audit trail.
pub fn shown(dataset: &str) -> Option<String> {
    let (setting, ty) = of_dataset(dataset).unwrap_or_default();
    let setting = setting.unwrap_or_else(settings::tenant_setting);
    let tenant = SessionTenant::new(setting, ty, None).ok()?;
    let set = guc::get(&tenant.setting)?;
    let value = tenant.ty.read(&set).ok().flatten();
    Some(value.map_or(set, |value| value.text))
}

/// 22023 for a tenant that is no value of the column's type. The value itself is not quoted.
pub fn check(tenant: &SessionTenant, dataset: &Dataset) -> Result<()> {
    if tenant.set.is_none() || tenant.value.is_some() {
        return Ok(());
    }
    let column = dataset.tenant_column.as_deref().unwrap_or_default();
    let ty = dataset.field(column).map(|field| field.ty.name.as_str()).unwrap_or_default();
    Err(Error::new(
        Kind::InvalidParameter,
        format!(
            "invalid value of setting \"{}\" for the tenant of dataset \"{}\"",
            tenant.setting, dataset.name
        ),
    )
    .detail(format!("The tenant column \"{column}\" is of type {ty}."))
    .hint(format!("SET {} = '...' to a value of type {ty} before you request the export.", tenant.setting)))
}

/// The operator by which a tenant column is compared, with its schema, and what stands before it.
pub fn equality(ty: &Type, column: &str) -> Result<(String, String)> {
    // A domain over an enum is no enum to the server's operators.
    let is_enum = |base: u32| Special::of(base).map(|special| matches!(special, Some(Special::Enum)));
    if ty.class == Class::Other && ty.base != ty.oid && is_enum(ty.base)? {
        let base = identity::as_owner(|| {
            sql::text("SELECT format_type($1::oid, NULL)", &[i64::from(ty.base).into()])
        })?;
        return Ok((format!("CAST({column} AS {})", base.unwrap_or_default()), OWN.to_owned()));
    }
    if ty.base < crate::pg::catalog::FIRST_USER_OID {
        return Ok((column.to_owned(), OWN.to_owned()));
    }
    let operator = identity::as_owner(|| sql::text(EQUALITY, &[i64::from(ty.base).into()]))?;
    Ok((column.to_owned(), operator.unwrap_or_else(|| OWN.to_owned())))
}

const OWN: &str = "OPERATOR(pg_catalog.=)";

/// Of the default operator class for B-trees, by which indexes and partitions are made. None for an enum, whose class is that of all.
const EQUALITY: &str = "
SELECT format('OPERATOR(%I.%s)', n.nspname, o.oprname)
  FROM pg_opclass c
  JOIN pg_am m ON m.oid = c.opcmethod AND m.amname = 'btree'
  JOIN pg_amop a ON a.amopfamily = c.opcfamily AND a.amopstrategy = 3
                AND a.amoplefttype = c.opcintype AND a.amoprighttype = c.opcintype
  JOIN pg_operator o ON o.oid = a.amopopr
  JOIN pg_namespace n ON n.oid = o.oprnamespace
 WHERE c.opcintype = $1::oid AND c.opcdefault";
