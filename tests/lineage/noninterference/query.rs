//! Random queries: FROM, joins, sub-selects, WITH, groups, windows, set operations, orders and limits.

use super::expression::{Column, Generator, Scope, Value};
use super::schema::{Table, Type, TABLES, VIEWS_BY_SECRET};

/// A query with the columns `k`, which tells its rows apart, and `c1`, `c2`, …
#[derive(Clone, Default, Debug)]
pub struct Query {
    pub sql: String,
    pub columns: Vec<(Type, bool)>,
    /// A secret decides in some way which rows there are, or in which order they come.
    pub by_secret: bool,
    /// A condition on a secret chooses among its rows.
    pub chosen: bool,
}

/// FROM, and what it gives to the rest of the query.
#[derive(Default)]
struct From {
    sql: String,
    scope: Scope,
    /// Expressions that tell its rows apart.
    ids: Vec<String>,
    by_secret: bool,
    chosen: bool,
}

impl Generator {
    /// A whole view: some WITH queries, and a query.
    pub fn view(&mut self) -> Query {
        let mut text = Vec::new();
        for _ in 0..self.choices.of(&[0, 0, 0, 1, 2]) {
            let types = self.types();
            let mut query = self.query(&types, 1, &Scope::default());
            let name = self.alias();
            if self.choices.chance(25) {
                self.repeat(&name, &mut query);
            }
            let how = self.choices.of(&["AS", "AS MATERIALIZED", "AS NOT MATERIALIZED"]);
            text.push(format!("{name} {how} ({})", query.sql));
            self.with.push((name, query));
        }
        let types = self.types();
        let mut query = self.query(&types, 2, &Scope::default());
        if !text.is_empty() {
            query.sql = format!("WITH RECURSIVE {} {}", text.join(", "), query.sql);
        }
        query
    }

    /// Makes a WITH query refer to itself: each row comes three times, its columns made of each other.
    fn repeat(&mut self, name: &str, query: &mut Query) {
        let mut scope = Scope::default();
        for (n, (ty, secret)) in query.columns.iter().enumerate() {
            scope.columns.push(Column { sql: format!("{name}.c{}", n + 1), ty: *ty, secret: *secret });
        }
        let types: Vec<Type> = query.columns.iter().map(|column| column.0).collect();
        let names: Vec<String> = (1..=types.len()).map(|n| format!("c{n}")).collect();
        let next: Vec<Value> = types.iter().map(|ty| self.expression(*ty, &scope, 1)).collect();
        let items: Vec<&str> = next.iter().map(|item| item.sql.as_str()).collect();
        query.sql = format!(
            "SELECT k::text AS k, {} FROM ({}) q UNION ALL SELECT {name}.k || '+', {} FROM {name} WHERE right({name}.k, 2) <> '++'",
            names.join(", "),
            query.sql,
            items.join(", ")
        );
        let is_secret = query.columns.iter().any(|column| column.1) || next.iter().any(|item| item.secret);
        query.columns.iter_mut().for_each(|column| column.1 = is_secret);
    }

    fn types(&mut self) -> Vec<Type> {
        let count = 1 + self.choices.pick(5);
        let all = [Type::Text, Type::Int, Type::Text, Type::Int, Type::Bool, Type::Json, Type::Texts];
        (0..count).map(|_| self.choices.of(&all)).collect()
    }

    fn query(&mut self, types: &[Type], depth: usize, outer: &Scope) -> Query {
        if depth == 0 || !self.choices.chance(15) {
            return self.select(types, depth, outer);
        }
        // `jsonb` has an equality, and so can stand in every one.
        let operation = self.choices.of(&["UNION ALL", "UNION", "INTERSECT", "EXCEPT", "UNION ALL"]);
        let (a, b) = (self.select(types, depth - 1, outer), self.select(types, depth - 1, outer));
        let marks = if operation == "UNION ALL" { ["a", "b"] } else { ["", ""] };
        let names: Vec<String> = (1..=types.len()).map(|n| format!("c{n}")).collect();
        let side = |query: &Query, mark: &str| {
            format!("SELECT '{mark}' || k::text AS k, {} FROM ({}) {mark}q", names.join(", "), query.sql)
        };
        let columns: Vec<(Type, bool)> =
            a.columns.iter().zip(&b.columns).map(|(a, b)| (a.0, a.1 || b.1)).collect();
        Query {
            sql: format!("{} {operation} {}", side(&a, marks[0]), side(&b, marks[1])),
            by_secret: a.by_secret
                || b.by_secret
                || (operation != "UNION ALL"
                    && columns.iter().any(|column| column.1 || column.0 == Type::Json)),
            chosen: a.chosen || b.chosen,
            columns,
        }
    }

    fn select(&mut self, types: &[Type], depth: usize, outer: &Scope) -> Query {
        let mut from = self.from(depth);
        from.scope.columns.extend(outer.columns.iter().cloned());
        let mut query = Query { by_secret: from.by_secret, chosen: from.chosen, ..Query::default() };
        let mut clauses = format!(" FROM {}", from.sql);
        if self.choices.chance(40) {
            let test = self.condition(&from.scope, 2);
            query.by_secret |= test.secret;
            query.chosen |= test.secret;
            clauses.push_str(&format!(" WHERE {}", test.sql));
        }
        let (key, items) = if self.choices.chance(22) {
            self.grouped(types, &from, &mut query, &mut clauses)
        } else {
            let items = types.iter().map(|ty| self.item(*ty, &from.scope)).collect();
            (from.ids.clone(), items)
        };
        let mut distinct = String::new();
        if self.choices.chance(10) {
            distinct = if self.choices.chance(40) {
                let on = self.expression(Type::Text, &from.scope, 1);
                // Only without groups: their columns are no longer there.
                if clauses.contains(" GROUP BY ") {
                    String::new()
                } else {
                    let by = self.expression(Type::Int, &from.scope, 1);
                    query.by_secret |= on.secret || by.secret;
                    clauses.push_str(&format!(" ORDER BY {}, {}", on.sql, by.sql));
                    format!("DISTINCT ON ({}) ", on.sql)
                }
            } else {
                query.by_secret |=
                    items.iter().any(|item: &Value| item.secret) || types.contains(&Type::Json);
                "DISTINCT ".to_owned()
            };
        }
        if distinct.is_empty() && !clauses.contains(" GROUP BY ") && self.choices.chance(25) {
            let ty = self.choices.of(&[Type::Int, Type::Text]);
            let by = self.expression(ty, &from.scope, 1);
            let way = self.choices.of(&["", " DESC", " NULLS FIRST"]);
            clauses.push_str(&format!(" ORDER BY {}{way}", by.sql));
            query.by_secret |= by.secret;
        }
        if self.choices.chance(12) {
            clauses.push_str(self.choices.of(&[" LIMIT 3", " OFFSET 1", " LIMIT 4 OFFSET 1", " OFFSET 0"]));
        }
        let list = items.iter().enumerate().map(|(n, item)| format!(", {} AS c{}", item.sql, n + 1));
        query.sql = format!("SELECT {distinct}{} AS k{}{clauses}", joined(&key), list.collect::<String>());
        // A sort by a secret for one item gives an order to the others.
        let sorts =
            |item: &Value| ["ORDER BY", "DISTINCT", " OVER "].iter().any(|word| item.sql.contains(word));
        query.by_secret |= items.iter().any(|item| item.secret && sorts(item));
        query.columns = types.iter().zip(&items).map(|(ty, item)| (*ty, item.secret)).collect();
        query
    }

    fn item(&mut self, ty: Type, scope: &Scope) -> Value {
        if self.choices.chance(15) {
            return self.window(ty, scope);
        }
        self.expression(ty, scope, 3)
    }

    fn grouped(
        &mut self,
        types: &[Type],
        from: &From,
        query: &mut Query,
        clauses: &mut String,
    ) -> (Vec<String>, Vec<Value>) {
        let mut keys = Vec::new();
        let mut grouped: Vec<(Type, Value)> = Vec::new();
        if self.choices.chance(40) {
            for id in &from.ids {
                keys.push(id.clone());
            }
        }
        let mut is_secret = false;
        for _ in 0..=self.choices.pick(2) {
            let ty = self.choices.of(&[Type::Text, Type::Int]);
            let by = self.expression(ty, &from.scope, 2);
            is_secret |= by.secret;
            grouped.push((ty, by));
        }
        if grouped
            .iter()
            .any(|(_, by)| by.sql.starts_with(|letter: char| letter.is_ascii_digit() || letter == '\''))
        {
            // A constant there would be a place, or of no type.
            grouped.retain(|(_, by)| by.sql.contains('.'));
        }
        query.by_secret |= is_secret;
        let mut list: Vec<String> =
            keys.iter().chain(grouped.iter().map(|(_, by)| &by.sql)).cloned().collect();
        if list.is_empty() {
            keys.extend(from.ids.iter().cloned());
            list.extend(from.ids.iter().cloned());
        }
        let list = list.join(", ");
        clauses.push_str(&match self.choices.pick(10) {
            9 => format!(" GROUP BY ROLLUP ({list})"),
            _ => format!(" GROUP BY {list}"),
        });
        if self.choices.chance(15) {
            let a = self.aggregate(Type::Int, &from.scope, 1);
            query.by_secret |= a.secret;
            query.chosen |= a.secret;
            clauses.push_str(&format!(" HAVING {} > 0", a.sql));
        }
        let items = types
            .iter()
            .map(|ty| {
                let fitting: Vec<&Value> =
                    grouped.iter().filter(|(of, _)| of == ty).map(|(_, by)| by).collect();
                if !fitting.is_empty() && self.choices.chance(40) {
                    return fitting[self.choices.pick(fitting.len())].clone();
                }
                self.aggregate(*ty, &from.scope, 2)
            })
            .collect();
        keys.extend(grouped.iter().filter(|(_, by)| !by.secret).map(|(_, by)| by.sql.clone()));
        (keys, items)
    }

    fn from(&mut self, depth: usize) -> From {
        let mut from = self.source(depth, &Scope::default());
        for _ in 0..self.choices.of(&[0, 0, 0, 1, 1, 2]) {
            let is_lateral = self.choices.chance(20);
            let outer = if is_lateral { from.scope.clone() } else { Scope::default() };
            let joined = self.source(depth, &outer);
            let both = Scope {
                columns: [from.scope.columns.clone(), joined.scope.columns.clone()].concat(),
                rows: [from.scope.rows.clone(), joined.scope.rows.clone()].concat(),
            };
            let left = self.expression(Type::Int, &from.scope, 0);
            let right = joined.ids.first().cloned().unwrap_or_else(|| "1".to_owned());
            let is_key = joined.sql.starts_with("app.")
                && joined.ids.len() == 1
                && !joined.sql.contains(" TABLESAMPLE ");
            let mut ids = from.ids.clone();
            let mut secret = false;
            let how = self.choices.pick(7);
            let is_n_to_one = is_key && matches!(how, 0..=2) && !is_lateral;
            from.sql = match how {
                0..=2 if is_key && !is_lateral => {
                    let kind = self.choices.of(&["LEFT JOIN", "JOIN"]);
                    secret = left.secret;
                    let mut on = format!("{right} = {}", left.sql);
                    if self.choices.chance(12) {
                        let test = self.condition(&both, 1);
                        secret |= test.secret;
                        on = format!("{on} AND {}", test.sql);
                    }
                    format!("{} {kind} {} ON {on}", from.sql, joined.sql)
                }
                3 if !is_lateral => {
                    format!("{} FULL JOIN {} ON {right}::text = ({})::text", from.sql, joined.sql, {
                        secret = left.secret;
                        left.sql
                    })
                }
                4 => format!("{} CROSS JOIN {}", from.sql, joined.sql),
                _ => {
                    let test = self.condition(&both, 2);
                    secret = test.secret;
                    let kind = self.choices.of(&["JOIN", "LEFT JOIN"]);
                    format!("{} {kind} {} ON {}", from.sql, joined.sql, test.sql)
                }
            };
            if !is_n_to_one {
                ids.extend(joined.ids);
            }
            from = From {
                sql: from.sql,
                scope: both,
                ids,
                by_secret: from.by_secret || joined.by_secret || secret,
                chosen: from.chosen || joined.chosen || secret,
            };
        }
        from
    }

    /// One table expression in FROM.
    fn source(&mut self, depth: usize, outer: &Scope) -> From {
        let alias = self.alias();
        match self.choices.pick(16) {
            10 | 11 if depth > 0 => {
                let types = self.types();
                let query = self.query(&types, depth - 1, outer);
                let lateral = if outer.columns.is_empty() { "" } else { "LATERAL " };
                of_query(&query, &alias, format!("{lateral}({}) AS {alias}", query.sql))
            }
            12 if !self.with.is_empty() => {
                let (name, query) = self.with[self.choices.pick(self.with.len())].clone();
                of_query(&query, &alias, format!("{name} AS {alias}"))
            }
            13 => {
                let count = self.expression(Type::Int, outer, 1);
                let sql =
                    format!("{}generate_series(1, least({}, 3)) AS {alias}(g)", lateral(outer), count.sql);
                let columns = vec![Column { sql: format!("{alias}.g"), ty: Type::Int, secret: count.secret }];
                let (ids, by_secret) = (vec![format!("{alias}.g")], count.secret);
                From { sql, scope: Scope { columns, rows: Vec::new() }, ids, by_secret, chosen: false }
            }
            14 => {
                let list = self.expression(Type::Texts, outer, 1);
                let sql = format!("{}unnest({}) WITH ORDINALITY AS {alias}(v, o)", lateral(outer), list.sql);
                let columns = vec![
                    Column { sql: format!("{alias}.v"), ty: Type::Text, secret: list.secret },
                    Column { sql: format!("{alias}.o::int"), ty: Type::Int, secret: list.secret },
                ];
                let (ids, by_secret) = (vec![format!("{alias}.o")], list.secret);
                From { sql, scope: Scope { columns, rows: Vec::new() }, ids, by_secret, chosen: false }
            }
            15 => {
                let a = self.expression(Type::Text, outer, 1);
                let sql = format!("{}(VALUES (1, {}), (2, 's2')) AS {alias}(id, v)", lateral(outer), a.sql);
                let columns = vec![
                    Column { sql: format!("{alias}.v"), ty: Type::Text, secret: a.secret },
                    Column { sql: format!("{alias}.id"), ty: Type::Int, secret: false },
                ];
                let rows = vec![(alias.clone(), a.secret)];
                From {
                    sql,
                    scope: Scope { columns, rows },
                    ids: vec![format!("{alias}.id")],
                    ..From::default()
                }
            }
            9 => {
                let table = &VIEWS_BY_SECRET[self.choices.pick(VIEWS_BY_SECRET.len())];
                From { by_secret: true, chosen: table.name == "app.v_chosen", ..of_table(table, &alias, "") }
            }
            8 => of_table(&TABLES[0], &alias, " TABLESAMPLE SYSTEM (100)"),
            pick => of_table(&TABLES[pick % TABLES.len()], &alias, ""),
        }
    }
}

fn lateral(outer: &Scope) -> &'static str {
    if outer.columns.is_empty() {
        ""
    } else {
        "LATERAL "
    }
}

fn of_table(table: &Table, alias: &str, more: &str) -> From {
    let columns = table.columns.iter().map(|(name, ty, secret)| Column {
        sql: format!("{alias}.{name}"),
        ty: *ty,
        secret: *secret,
    });
    From {
        sql: format!("{} AS {alias}{more}", table.name),
        scope: Scope {
            columns: columns.collect(),
            rows: vec![(alias.to_owned(), table.columns.iter().any(|column| column.2))],
        },
        ids: vec![format!("{alias}.id")],
        ..From::default()
    }
}

fn of_query(query: &Query, alias: &str, sql: String) -> From {
    let columns = query.columns.iter().enumerate().map(|(n, (ty, secret))| Column {
        sql: format!("{alias}.c{}", n + 1),
        ty: *ty,
        secret: *secret,
    });
    From {
        sql,
        scope: Scope {
            columns: columns.collect(),
            rows: vec![(alias.to_owned(), query.columns.iter().any(|column| column.1))],
        },
        ids: vec![format!("{alias}.k")],
        by_secret: query.by_secret,
        chosen: query.chosen,
    }
}

/// One key of several; one that is NULL by an outer join has a text too.
fn joined(ids: &[String]) -> String {
    match ids {
        [] => "0".to_owned(),
        [id] => id.clone(),
        _ => {
            let parts: Vec<String> = ids.iter().map(|id| format!("coalesce(({id})::text, 'n')")).collect();
            parts.join(" || '-' || ")
        }
    }
}
