use super::*;
use crate::filter::fixture;
use crate::model::Policy;

fn field(name: &str, position: i32) -> Field {
    Field { position, ..fixture::field(name, "text") }
}

fn dataset() -> Dataset {
    let group = |name: &str, position| Field {
        is_default: false,
        in_group: Some("more".into()),
        ..field(name, position)
    };
    Dataset {
        name: "users".into(),
        title: "Users".into(),
        source: 1,
        key: vec!["id".into()],
        tenant_column: None,
        tenant_setting: None,
        tenant_collation: None,
        created_column: None,
        updated_column: None,
        status_column: None,
        disabled_values: Vec::new(),
        required_roles: Vec::new(),
        authorize: None,
        companions: vec!["events".into(), "logins".into()],
        matches: Default::default(),
        policy: Policy::default(),
        fields: vec![
            group("zip", 9),
            Field { on_anonymise: Treatment::Redact, ..field("email", 2) },
            Field { on_anonymise: Treatment::Redact, mask: Treatment::Last4, ..field("phone", 2) },
            field("id", 1),
            Field { on_anonymise: Treatment::Drop, ..group("locale", 8) },
            Field { barred: Some("it holds a credential".into()), eligible: false, ..group("pin", 7) },
            Field { is_default: false, ..field("notes", 3) },
        ],
    }
}

fn some(names: &[&str]) -> Vec<Option<String>> {
    names.iter().map(|name| Some((*name).to_owned())).collect()
}

fn chosen(selection: &Selection) -> Vec<&str> {
    selection.fields.iter().map(|field| field.name.as_str()).collect()
}

fn select(fields: Option<&[&str]>, include: &[&str], anonymise: bool) -> Result<Selection> {
    select_fields(&dataset(), fields.map(some).as_deref(), Some(&some(include)), anonymise)
}

fn refused(outcome: Result<Selection>, sqlstate: &str, message: &str) -> String {
    let error = outcome.unwrap_err();
    assert_eq!((error.kind.sqlstate(), error.message.as_str()), (sqlstate, message));
    error.hint.unwrap_or_default()
}

#[test]
fn defaults_by_position_then_name() {
    let selection = select_fields(&dataset(), None, None, false).unwrap();
    assert_eq!(chosen(&selection), ["id", "email", "phone"]);
    assert_eq!(selection.left_out, [("pin".to_owned(), "it holds a credential".to_owned())]);
    assert!(selection.companions.is_empty());
}

#[test]
fn named_fields_keep_their_order() {
    let selection = select(Some(&["notes", "id"]), &[], false).unwrap();
    assert_eq!(chosen(&selection), ["notes", "id"]);
    assert!(selection.left_out.is_empty());
}

#[test]
fn named_fields_refused() {
    let hint =
        refused(select(Some(&["id", "x\"y"]), &[], false), "22023", "unknown field \"x\"y\" in fields");
    assert_eq!(
        hint,
        "Fields of dataset \"users\": id, email, phone, notes, locale, zip; '{*}' is all of them."
    );
    let hint = refused(
        select(Some(&["pin"]), &[], false),
        "42501",
        "field \"pin\" is never exported: it holds a credential",
    );
    assert!(!hint.is_empty());
    refused(
        select(Some(&["id", "email", "id"]), &[], false),
        "22023",
        "field \"id\" is named twice in fields",
    );
    let nulls = [Some("id".to_owned()), None];
    refused(select_fields(&dataset(), Some(&nulls), None, false), "22023", "fields must not contain NULL");
    refused(
        select_fields(&dataset(), None, Some(&nulls[1..]), false),
        "22023",
        "include must not contain NULL",
    );
}

#[test]
fn an_empty_list_is_none() {
    assert_eq!(select(Some(&[]), &[], true), select(None, &[], true));
}

#[test]
fn a_star_is_every_field_group_and_companion() {
    let selection = select(Some(&["*"]), &[], false).unwrap();
    assert_eq!(chosen(&selection), ["id", "email", "phone", "notes", "locale", "zip"]);
    assert_eq!(selection.left_out, [("pin".to_owned(), "it holds a credential".to_owned())]);
    assert!(selection.companions.is_empty());
    let selection = select(Some(&["zip", "*"]), &[], true).unwrap();
    assert_eq!(chosen(&selection), ["zip", "id", "email", "phone", "notes"]);
    refused(select(Some(&["*", "zip"]), &[], false), "22023", "field \"zip\" is named twice in fields");
    let selection = select(None, &["logins", "*"], false).unwrap();
    assert_eq!(chosen(&selection), ["id", "email", "phone", "locale", "zip"]);
    assert_eq!(selection.companions, ["logins", "events"]);
    // A field that became secret after it was registered.
    let mut drifted = dataset();
    drifted.fields[3].barred = Some("secret since".into());
    let error = select_fields(&drifted, Some(&some(&["*"])), None, false).unwrap_err();
    assert_eq!(error.kind.sqlstate(), "42501");
}

#[test]
fn include_groups_and_companions() {
    let selection = select(None, &["more", "logins", "more", "logins"], false).unwrap();
    assert_eq!(chosen(&selection), ["id", "email", "phone", "locale", "zip"]);
    assert_eq!(selection.companions, ["logins"]);
    let selection = select(Some(&["zip", "id"]), &["more", "logins", "events"], false).unwrap();
    assert_eq!(chosen(&selection), ["zip", "id", "locale"]);
    assert_eq!(selection.companions, ["logins", "events"]);
    assert_eq!(selection.left_out.len(), 1);
    let hint = refused(
        select(None, &["extras"], false),
        "22023",
        "unknown field group or companion dataset \"extras\" in include",
    );
    assert_eq!(hint, "Field groups: more. Companion datasets: events, logins.");
}

#[test]
fn treatments() {
    let of = |anonymise| -> Vec<Treatment> {
        let selection = select(None, &["more"], anonymise).unwrap();
        selection.fields.iter().map(|field| field.treatment).collect()
    };
    use Treatment::{Keep, Last4, Redact};
    assert_eq!(of(false), [Keep, Keep, Last4, Keep, Keep]);
    assert_eq!(of(true), [Keep, Redact, Redact, Keep]);
    let order = [Keep, Last4, Treatment::Pseudonymise, Redact, Treatment::Drop];
    for (i, mask) in order.into_iter().enumerate() {
        for (j, on_anonymise) in order.into_iter().enumerate() {
            let field = Field { mask, on_anonymise, ..field("f", 1) };
            assert_eq!(treatment(&field, true), order[i.max(j)]);
            assert_eq!(treatment(&field, false), mask);
        }
    }
}

#[test]
fn dropped_fields_are_told_and_nothing_left_is_refused() {
    let selection = select(Some(&["id", "locale"]), &[], true).unwrap();
    assert_eq!(chosen(&selection), ["id"]);
    assert_eq!(selection.left_out[0].0, "locale");
    refused(select(Some(&["locale"]), &[], true), "22023", "no field of dataset \"users\" is left to export");
}

/// A field that could leave when it was registered and cannot any more is refused, also where nobody named it.
#[test]
fn what_became_barred_is_not_left_out_silently() {
    let mut dataset = dataset();
    let field = dataset.fields.iter_mut().find(|field| field.name == "email").unwrap();
    field.barred = Some("it comes from a secret".into());
    let error = select_fields(&dataset, None, None, false).unwrap_err();
    assert!(error.sqlstate() == "42501" && error.message.contains("\"email\""), "{error:?}");
    dataset.fields.iter_mut().find(|field| field.name == "email").unwrap().eligible = false;
    let selection = select_fields(&dataset, None, None, false).unwrap();
    assert!(selection.left_out.iter().any(|(name, _)| name == "email"));
}

#[test]
fn parts_of_documents_are_named_by_path() {
    let mut dataset = dataset();
    let document = |name: &str| Field { ty: fixture::ty("jsonb"), ..field(name, 4) };
    dataset.fields.extend([document("more"), document("more.inner")]);
    let fields = |names: &[&str]| select_fields(&dataset, Some(&some(names)), Some(&some(&["more"])), false);
    let selection = fields(&["more.a", "id", "more.inner.b", "more.a.b", "more.inner.c d"]).unwrap();
    let parts: Vec<_> =
        selection.fields.iter().map(|field| (field.name.as_str(), field.part.as_deref())).collect();
    assert_eq!(
        parts[..5],
        [
            ("more", Some("a")),
            ("id", None),
            ("more.inner", Some("b")),
            ("more", Some("a.b")),
            ("more.inner", Some("c d"))
        ]
    );
    assert!(parts[5..].iter().all(|(_, part)| part.is_none()));
    // A field's own name is no path.
    assert_eq!(fields(&["more.inner"]).unwrap().fields[0].part, None);
    for names in [&["more", "more.a"][..], &["more.a", "more"], &["more.a", "more.a"]] {
        let message = format!("field \"{}\" is named twice in fields", names[1]);
        refused(fields(names), "22023", &message);
    }
    refused(fields(&["more.a..b"]), "22023", "path \"a..b\" has an empty or invalid key");
    refused(fields(&["email.a"]), "22023", "unknown field \"email.a\" in fields");
    let many: Vec<String> = (0..=json_path::MOST).map(|n| format!("more.k{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(fields(&many[1..]).is_ok());
    refused(fields(&many), "54000", "fields has more than 1000 paths into JSON fields");
    dataset.fields.retain(|field| field.name != "more.inner");
    dataset.fields.iter_mut().filter(|field| field.name == "more").for_each(|field| {
        field.barred = Some("it holds a credential".into());
    });
    let error = select_fields(&dataset, Some(&some(&["more.a"])), None, false);
    refused(error, "42501", "field \"more.a\" is never exported: it holds a credential");
}
