//! Random expressions of a type over the columns of a scope, and for each whether a secret is in it.

use super::choices::Choices;
use super::schema::{Type, TABLES};

/// A column that an expression may refer to.
#[derive(Clone, Debug)]
pub struct Column {
    pub sql: String,
    pub ty: Type,
    pub secret: bool,
}

/// The names that an expression may refer to.
#[derive(Clone, Default)]
pub struct Scope {
    pub columns: Vec<Column>,
    /// Whole rows: alias, and true where a secret is in them.
    pub rows: Vec<(String, bool)>,
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Value {
    pub sql: String,
    /// A secret is in it, or could be.
    pub secret: bool,
}

fn value(sql: impl Into<String>, secret: bool) -> Value {
    Value { sql: sql.into(), secret }
}

/// A generator of one view.
pub struct Generator {
    pub choices: Choices,
    aliases: usize,
    /// Some expression depends on whether a secret is there at all.
    pub presence: bool,
    /// WITH queries of the view: name, columns and text.
    pub with: Vec<(String, super::query::Query)>,
}

impl Generator {
    pub fn new(choices: Choices) -> Self {
        Generator { choices, aliases: 0, presence: false, with: Vec::new() }
    }

    pub fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("a{}", self.aliases)
    }

    fn column(&mut self, ty: Type, scope: &Scope) -> Value {
        let may_be_secret = self.choices.chance(25);
        let fitting: Vec<&Column> = scope
            .columns
            .iter()
            .filter(|column| column.ty == ty && (may_be_secret || !column.secret))
            .collect();
        if fitting.is_empty() {
            return value(
                ["'s1'::text", "2::int", "true", "'{\"city\":\"s1\"}'::jsonb", "'{s1,s2}'::text[]"]
                    [ty as usize],
                false,
            );
        }
        let column = fitting[self.choices.pick(fitting.len())];
        value(column.sql.clone(), column.secret)
    }

    /// An expression without aggregates and windows of its own.
    pub fn expression(&mut self, ty: Type, scope: &Scope, depth: usize) -> Value {
        if depth == 0 || (ty != Type::Bool && !self.choices.chance(55)) {
            return self.column(ty, scope);
        }
        let deeper = depth - 1;
        match self.choices.pick(5) {
            0 => {
                let then = self.expression(ty, scope, deeper);
                let other = self.expression(ty, scope, deeper);
                let test = self.condition(scope, deeper);
                let secret = then.secret || other.secret || test.secret;
                value(format!("CASE WHEN {} THEN {} ELSE {} END", test.sql, then.sql, other.sql), secret)
            }
            1 => {
                let (a, b) = (self.expression(ty, scope, deeper), self.expression(ty, scope, deeper));
                let function = match ty {
                    Type::Text | Type::Int => self.choices.of(&["coalesce", "nullif", "greatest", "least"]),
                    _ => "coalesce",
                };
                value(format!("{function}({}, {})", a.sql, b.sql), a.secret || b.secret)
            }
            2 => self.sub_select(ty, scope, deeper),
            _ => match ty {
                Type::Text => self.text(scope, deeper),
                Type::Int => self.int(scope, deeper),
                Type::Bool => self.condition(scope, deeper),
                Type::Json => self.json(scope, deeper),
                Type::Texts => self.texts(scope, deeper),
            },
        }
    }

    fn text(&mut self, scope: &Scope, depth: usize) -> Value {
        let shape = self.choices.of(&[
            "upper({})",
            "left({}, 2)",
            "{} || '-'",
            "md5({})",
            "replace({}, 's', 'z')",
            "{} COLLATE \"C\"",
            "{}::varchar(3)",
            "reverse({})",
            "format('%s', {})",
            "concat({}, '.')",
        ]);
        match self.choices.pick(6) {
            0..=2 => {
                let a = self.expression(Type::Text, scope, depth);
                value(shape.replace("{}", &a.sql), a.secret)
            }
            3 => {
                let a = self.expression(Type::Int, scope, depth);
                value(format!("({})::text", a.sql), a.secret)
            }
            4 => {
                let a = self.expression(Type::Json, scope, depth);
                let key = self.choices.of(&[
                    "->> 'city'",
                    "#>> '{a,n}'",
                    "->> 'token'",
                    "#>> '{a,token}'",
                    "->> ('to' || 'ken')",
                ]);
                let is_free = matches!(key, "->> 'city'" | "#>> '{a,n}'");
                let is_city = key == "->> 'city'" && a.sql.ends_with(".doc");
                value(format!("({} {key})", a.sql), (a.secret && !is_city) || !is_free)
            }
            _ => match scope.rows.get(self.choices.pick(scope.rows.len().max(1))) {
                Some((row, secret)) => {
                    let shape = self.choices.of(&[
                        "({})::text",
                        "to_jsonb({})::text",
                        "row_to_json({})::text",
                        "ROW({}.*)::text",
                    ]);
                    // JSON of a whole row is free where it is not compared: not counted as free.
                    value(shape.replace("{}", row), *secret || shape.contains("json"))
                }
                None => {
                    let a = self.expression(Type::Texts, scope, depth);
                    value(format!("array_to_string({}, ',')", a.sql), a.secret)
                }
            },
        }
    }

    fn int(&mut self, scope: &Scope, depth: usize) -> Value {
        let (ty, shape) = self.choices.of(&[
            (Type::Int, "({} + 1)"),
            (Type::Text, "length({})"),
            (Type::Text, "ascii({})"),
            (Type::Int, "abs({})"),
            (Type::Text, "strpos({}, 's')"),
            (Type::Texts, "cardinality({})"),
            (Type::Bool, "({})::int"),
            (Type::Int, "({})::numeric::int"),
            (Type::Text, "length(nullif({}, 's1'))"),
        ]);
        let a = self.expression(ty, scope, depth);
        value(shape.replace("{}", &a.sql), a.secret)
    }

    fn json(&mut self, scope: &Scope, depth: usize) -> Value {
        let (ty, shape) = self.choices.of(&[
            (Type::Text, "to_jsonb({})"),
            (Type::Text, "jsonb_build_object('note', {})"),
            (Type::Int, "jsonb_build_array({}, 1)"),
            (Type::Json, "({} -> 'a')"),
            (Type::Json, "jsonb_build_object('d', {})"),
            (Type::Json, "({})['a']"),
        ]);
        let a = self.expression(ty, scope, depth);
        value(shape.replace("{}", &a.sql), a.secret)
    }

    fn texts(&mut self, scope: &Scope, depth: usize) -> Value {
        let (a, b) = (self.expression(Type::Text, scope, depth), self.expression(Type::Text, scope, depth));
        match self.choices.pick(3) {
            0 => value(format!("ARRAY[{}, {}]", a.sql, b.sql), a.secret || b.secret),
            1 => value(format!("string_to_array({}, 's')", a.sql), a.secret),
            _ => {
                let list = self.expression(Type::Texts, scope, depth);
                value(format!("array_append({}, {})", list.sql, a.sql), a.secret || list.secret)
            }
        }
    }

    /// A condition.
    pub fn condition(&mut self, scope: &Scope, depth: usize) -> Value {
        match self.choices.pick(9) {
            0 | 1 => {
                let a = self.expression(Type::Int, scope, depth);
                let shape = self.choices.of(&[
                    "{} > 1",
                    "{} = 2",
                    "{} % 2 = 0",
                    "{} IN (1, 3, 41)",
                    "{} BETWEEN 2 AND 90",
                ]);
                value(shape.replace("{}", &a.sql), a.secret)
            }
            2 => {
                let a = self.expression(Type::Text, scope, depth);
                let shape = self.choices.of(&[
                    "{} = 's1'",
                    "{} LIKE 's%'",
                    "{} > 's1'",
                    "{} IN ('s1', 's2')",
                    "{} IS DISTINCT FROM 's0'",
                ]);
                value(shape.replace("{}", &a.sql), a.secret)
            }
            3 => {
                let (a, b) =
                    (self.expression(Type::Text, scope, depth), self.expression(Type::Text, scope, depth));
                let operator = self.choices.of(&["=", "<", "<>"]);
                value(format!("{} {operator} {}", a.sql, b.sql), a.secret || b.secret)
            }
            4 => {
                if !scope.rows.is_empty() && self.choices.chance(15) {
                    let (row, secret) = scope.rows[self.choices.pick(scope.rows.len())].clone();
                    self.presence |= secret;
                    return value(format!("{row} IS NULL"), secret);
                }
                let ty = self.choices.of(&[Type::Text, Type::Int, Type::Bool, Type::Json]);
                let a = self.expression(ty, scope, depth);
                self.presence |= a.secret;
                let shape = self.choices.of(&[
                    "({}) IS NULL",
                    "({}) IS NOT NULL",
                    "coalesce(({}) IS NULL, false)",
                    "({}) IS DISTINCT FROM NULL",
                ]);
                value(shape.replace("{}", &a.sql), a.secret)
            }
            5 => {
                let a = self.expression(Type::Text, scope, depth);
                self.presence |= a.secret;
                value(format!("{} <> ''", a.sql), a.secret)
            }
            6 => {
                let a = self.condition(scope, depth.saturating_sub(1));
                if depth == 0 {
                    return a;
                }
                let b = self.condition(scope, depth - 1);
                let operator = self.choices.of(&["AND", "OR", "AND NOT"]);
                value(format!("(({}) {operator} ({}))", a.sql, b.sql), a.secret || b.secret)
            }
            7 => {
                let a = self.expression(Type::Json, scope, depth);
                let shape = self.choices.of(&[
                    "{} @> '{\"city\":\"s1\"}'",
                    "{} @> '{\"token\":\"s1\"}'",
                    "{} = '{\"city\":\"s1\"}'",
                    "{} ->> 'city' = 's1'",
                    "{} @? '$.token ? (@ starts with \"s\")'",
                ]);
                value(shape.replace("{}", &a.sql), a.secret || shape.contains("token"))
            }
            _ => {
                let (from, _, inner, secret) = self.inner(scope, depth);
                let test = self.condition(&inner, depth.saturating_sub(1));
                match self.choices.pick(2) {
                    0 => {
                        value(format!("EXISTS (SELECT FROM {from} AND {})", test.sql), test.secret || secret)
                    }
                    _ => {
                        let a = self.expression(Type::Text, scope, depth.saturating_sub(1));
                        let b = self.expression(Type::Text, &inner, depth.saturating_sub(1));
                        let secret = a.secret || b.secret || test.secret || secret;
                        value(
                            format!("({}) = ANY (SELECT {} FROM {from} AND {})", a.sql, b.sql, test.sql),
                            secret,
                        )
                    }
                }
            }
        }
    }

    /// FROM and WHERE of a sub-select, its own scope and that with the outer one; true where a secret chooses its rows.
    fn inner(&mut self, outer: &Scope, depth: usize) -> (String, Scope, Scope, bool) {
        let alias = self.alias();
        let table = &TABLES[self.choices.pick(TABLES.len())];
        let mut inner = Scope::default();
        for (name, ty, secret) in table.columns {
            inner.columns.push(Column { sql: format!("{alias}.{name}"), ty: *ty, secret: *secret });
        }
        inner.rows.push((alias.clone(), table.columns.iter().any(|column| column.2)));
        let key = self.expression(Type::Int, outer, depth.saturating_sub(1));
        let place = self.choices.of(&["id", "id % 3"]);
        let mut both = inner.clone();
        both.columns.extend(outer.columns.iter().cloned());
        (format!("{} {alias} WHERE {alias}.{place} = {}", table.name, key.sql), inner, both, key.secret)
    }

    fn sub_select(&mut self, ty: Type, scope: &Scope, depth: usize) -> Value {
        let (from, own, inner, chosen) = self.inner(scope, depth);
        let mut secret = chosen;
        let test = if self.choices.chance(40) {
            let test = self.condition(&inner, depth);
            secret |= test.secret;
            format!(" AND ({})", test.sql)
        } else {
            String::new()
        };
        if ty == Type::Texts && self.choices.chance(40) {
            let a = self.expression(Type::Text, &inner, depth);
            let by = self.expression(Type::Int, &inner, depth);
            return value(
                format!("ARRAY(SELECT {} FROM {from}{test} ORDER BY {}, 1)", a.sql, by.sql),
                secret || a.secret || by.secret,
            );
        }
        if self.choices.chance(50) {
            let a = self.expression(ty, &inner, depth);
            let by = self.expression(Type::Int, &inner, depth);
            secret |= a.secret || by.secret;
            return value(
                format!("(SELECT {} FROM {from}{test} ORDER BY {} LIMIT 1)", a.sql, by.sql),
                secret,
            );
        }
        // An aggregate of outer columns alone would be one of the outer query.
        let a = self.aggregate(ty, &own, depth);
        value(format!("(SELECT {} FROM {from}{test})", a.sql), secret || a.secret)
    }

    /// An aggregate over the rows of a scope.
    pub fn aggregate(&mut self, ty: Type, scope: &Scope, depth: usize) -> Value {
        let of = |ty| match ty {
            Type::Text | Type::Texts => Type::Text,
            Type::Int | Type::Bool | Type::Json => ty,
        };
        let a = self.expression(of(ty), scope, depth);
        let by = if self.choices.chance(30) {
            self.expression(Type::Text, scope, depth)
        } else {
            self.expression(Type::Int, scope, 0)
        };
        let (shape, sorts, counts) = match ty {
            Type::Text => self.choices.of(&[
                ("max({a})", false, false),
                ("min({a})", false, false),
                ("string_agg({a}, ',' ORDER BY {by}, {a})", true, false),
                ("string_agg({a}, ',')", false, false),
            ]),
            Type::Int => self.choices.of(&[
                ("count(*)", false, false),
                ("sum({a})", false, false),
                ("count({a})", false, true),
                ("count(DISTINCT {a})", false, true),
                ("max({a})", false, false),
                ("count(DISTINCT {by})", true, true),
            ]),
            Type::Bool => self.choices.of(&[("bool_or({a})", false, false), ("every({a})", false, false)]),
            Type::Json => self
                .choices
                .of(&[("jsonb_agg({a} ORDER BY {by})", true, false), ("jsonb_agg({a})", false, false)]),
            Type::Texts => self
                .choices
                .of(&[("array_agg({a} ORDER BY {by})", true, false), ("array_agg({a})", false, false)]),
        };
        let mut secret = (shape.contains("{a}") && a.secret) || (sorts && by.secret);
        self.presence |= counts && secret;
        let mut sql = shape.replace("{a}", &a.sql).replace("{by}", &by.sql);
        if self.choices.chance(20) {
            let test = self.condition(scope, depth);
            secret |= test.secret;
            sql = format!("{sql} FILTER (WHERE {})", test.sql);
        }
        let cast = if ty == Type::Int { "::int" } else { "" };
        value(format!("({sql}){cast}"), secret)
    }

    /// A window function over the rows of a scope.
    pub fn window(&mut self, ty: Type, scope: &Scope) -> Value {
        let a = self.expression(ty, scope, 1);
        let shape = match ty {
            Type::Int => self.choices.of(&[
                "row_number()",
                "rank()",
                "count(*)",
                "ntile(2)",
                "sum({a})",
                "lag({a})",
                "count({a})",
            ]),
            Type::Text => self.choices.of(&[
                "lag({a})",
                "lead({a})",
                "first_value({a})",
                "max({a})",
                "string_agg({a}, ',')",
            ]),
            _ => self.choices.of(&["lag({a})", "first_value({a})", "last_value({a})"]),
        };
        let mut secret = shape.contains("{a}") && a.secret;
        self.presence |= shape == "count({a})" && a.secret;
        let mut over = String::new();
        if self.choices.chance(30) {
            let by = self.expression(Type::Text, scope, 1);
            secret |= by.secret;
            over = format!("PARTITION BY {}", by.sql);
        }
        if self.choices.chance(60) {
            let ty = self.choices.of(&[Type::Int, Type::Text]);
            let by = self.expression(ty, scope, 1);
            secret |= by.secret;
            let way = self.choices.of(&["", " DESC"]);
            over = format!("{over} ORDER BY {}{way}", by.sql);
        }
        let cast = if ty == Type::Int { "::int" } else { "" };
        value(format!("({} OVER ({over})){cast}", shape.replace("{a}", &a.sql)), secret)
    }
}
