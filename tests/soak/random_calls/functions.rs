//! The functions and procedures of the extension, from the catalog.

use postgres::Client;
use support::random::Random;

use super::arguments::Pool;

pub struct Function {
    pub name: String,
    pub is_procedure: bool,
    pub is_set: bool,
    /// Names and types.
    arguments: Vec<(String, String)>,
    /// Number of the last arguments, which have defaults.
    defaults: usize,
}

/// Functions of the schema that is installed into; triggers and handlers cannot be called.
const FUNCTIONS: &str = "
SELECT p.oid::regproc::text, p.prokind = 'p', p.proretset, p.proargnames[:p.pronargs],
       ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY AS a (t, place) ORDER BY place), p.pronargdefaults::int
  FROM pg_proc AS p
  JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
  JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'pg_acctexport' AND e.extnamespace = p.pronamespace
 WHERE p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype, 'fdw_handler'::regtype)
 ORDER BY p.oid::regprocedure::text COLLATE \"C\"";

pub fn functions(superuser: &mut Client) -> Vec<Function> {
    let rows = superuser.query(FUNCTIONS, &[]).unwrap();
    rows.iter()
        .map(|row| {
            let (names, types): (Option<Vec<String>>, Vec<String>) = (row.get(3), row.get(4));
            let names = names.unwrap_or_else(|| types.iter().map(|_| String::new()).collect());
            Function {
                name: row.get(0),
                is_procedure: row.get(1),
                is_set: row.get(2),
                arguments: names.into_iter().zip(types).collect(),
                defaults: row.get::<_, i32>(5) as usize,
            }
        })
        .collect()
}

impl Function {
    /// A call with random arguments: those without a default, and some of the others.
    pub fn call(&self, pool: &Pool, random: &mut Random) -> String {
        let required = self.arguments.len() - self.defaults;
        let mut given = Vec::new();
        for (place, (name, type_name)) in self.arguments.iter().enumerate() {
            if place < required || random.chance(25) {
                let value = pool.value(name, type_name, random);
                let is_named = !name.is_empty() && place >= required;
                given.push(if is_named { format!("\"{name}\" => {value}") } else { value });
            }
        }
        format!("{}({})", self.name, given.join(", "))
    }
}
