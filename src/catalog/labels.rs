//! Lists of values in CHECK constraints, read from what `pg_get_constraintdef` prints: `CHECK ((status = ANY (ARRAY['a'::text,
//! 'b'::text])))`.
//!
//! Only comparisons of a bare column with constants count, joined by AND and OR; what is anything else makes no list.

/// The values that a column can have by a constraint; None: it does not list them. `column`: None for the VALUE of a domain.
pub fn listed(definition: &str, column: Option<&str>) -> Option<Vec<String>> {
    let tokens = tokens(definition)?;
    let mut reader = Reader { tokens: &tokens, next: 0, depth: 0 };
    reader.word("CHECK")?;
    let condition = reader.operand()?;
    // NOT VALID and NO INHERIT follow; such constraints do not come here.
    if reader.next != tokens.len() {
        return None;
    }
    values_of(&condition, column)
}

fn values_of(node: &Node, column: Option<&str>) -> Option<Vec<String>> {
    match node {
        Node::List(name, values) if is_column(name, column) => Some(values.clone()),
        Node::All(nodes) => nodes.iter().find_map(|node| values_of(node, column)),
        Node::Any(nodes) => {
            let mut all = Vec::new();
            for node in nodes {
                match node {
                    // A row without a value is never disabled.
                    Node::Null(name) if is_column(name, column) => {}
                    node => all.extend(values_of(node, column)?),
                }
            }
            Some(all)
        }
        _ => None,
    }
}

fn is_column(name: &str, column: Option<&str>) -> bool {
    name == column.unwrap_or("VALUE")
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    /// Anything that no list has.
    Other,
    /// A key word or a name; of a quoted name without its quotes.
    Name(String),
    Text(String),
    Number(String),
    Sign(&'static str),
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Column(String),
    Constant(String),
    List(String, Vec<String>),
    Null(String),
    /// A condition that lists nothing.
    Other,
    All(Vec<Node>),
    Any(Vec<Node>),
}

/// None: a quote is not closed.
fn tokens(text: &str) -> Option<Vec<Token>> {
    const SIGNS: [&str; 9] = ["::", "(", ")", "[", "]", ",", "=", ".", "-"];
    let mut rest = text.trim_start();
    let mut tokens = Vec::new();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '\'' | '"' => {
                let (text, length) = quoted(rest, first)?;
                (if first == '"' { Token::Name(text) } else { Token::Text(text) }, length)
            }
            _ if first.is_ascii_digit() => {
                let length = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
                (Token::Number(rest[..length].to_owned()), length)
            }
            _ if first.is_alphabetic() || first == '_' => {
                let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
                let length = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
                (Token::Name(rest[..length].to_owned()), length)
            }
            _ => match SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
                Some(sign) => (Token::Sign(sign), sign.len()),
                None => (Token::Other, first.len_utf8()),
            },
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Some(tokens)
}

/// The text between quotes, and its length with them.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut content = String::new();
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((place, character)) = characters.next() {
        if character != quote {
            content.push(character);
        } else if characters.peek().is_some_and(|(_, next)| *next == quote) {
            characters.next();
            content.push(quote);
        } else {
            return Some((content, place + 1));
        }
    }
    None
}

/// Parentheses in one another; the server prints few.
const DEEPEST: usize = 50;

struct Reader<'t> {
    tokens: &'t [Token],
    next: usize,
    depth: usize,
}

impl Reader<'_> {
    fn sign(&mut self, sign: &str) -> Option<()> {
        match self.tokens.get(self.next) {
            Some(Token::Sign(found)) if *found == sign => {
                self.next += 1;
                Some(())
            }
            _ => None,
        }
    }

    fn word(&mut self, word: &str) -> Option<()> {
        match self.tokens.get(self.next) {
            Some(Token::Name(found)) if found == word => {
                self.next += 1;
                Some(())
            }
            _ => None,
        }
    }

    fn condition(&mut self) -> Option<Node> {
        let first = self.comparison()?;
        for (word, joined) in [("AND", Node::All as fn(Vec<Node>) -> Node), ("OR", Node::Any)] {
            let mut nodes = vec![first.clone()];
            while self.word(word).is_some() {
                nodes.push(self.comparison()?);
            }
            if nodes.len() > 1 {
                return Some(joined(nodes));
            }
        }
        Some(first)
    }

    fn comparison(&mut self) -> Option<Node> {
        let left = self.operand()?;
        if self.word("IS").is_some() {
            let is_not = self.word("NOT").is_some();
            self.word("NULL")?;
            return Some(match left {
                Node::Column(name) if !is_not => Node::Null(name),
                _ => Node::Other,
            });
        }
        if self.sign("=").is_none() {
            return Some(left);
        }
        let Node::Column(name) = left else { return None };
        let values = match self.word("ANY") {
            Some(()) => self.array()?,
            None => match self.operand()? {
                Node::Constant(value) => vec![value],
                _ => return None,
            },
        };
        Some(Node::List(name, values))
    }

    /// A column, a constant or something in parentheses, cast or not.
    fn operand(&mut self) -> Option<Node> {
        let node = match self.tokens.get(self.next)? {
            Token::Sign("(") => self.in_parentheses()?,
            Token::Sign("-") => {
                self.next += 1;
                let Some(Token::Number(number)) = self.tokens.get(self.next) else { return None };
                self.next += 1;
                Node::Constant(format!("-{number}"))
            }
            Token::Text(text) | Token::Number(text) => {
                self.next += 1;
                Node::Constant(text.clone())
            }
            Token::Name(name) => {
                self.next += 1;
                Node::Column(name.clone())
            }
            Token::Sign(_) | Token::Other => return None,
        };
        self.casts(node)
    }

    /// A condition that cannot be read is skipped as a whole.
    fn in_parentheses(&mut self) -> Option<Node> {
        let start = self.next;
        self.next += 1;
        self.depth += 1;
        let inner = if self.depth > DEEPEST { None } else { self.condition() };
        self.depth -= 1;
        match inner {
            Some(inner) if self.sign(")").is_some() => Some(inner),
            _ => {
                self.next = self.after_parenthesis(start)?;
                Some(Node::Other)
            }
        }
    }

    /// The place behind the parenthesis that closes the one at `start`.
    fn after_parenthesis(&self, start: usize) -> Option<usize> {
        let mut open = 0usize;
        for (place, token) in self.tokens.iter().enumerate().skip(start) {
            match token {
                Token::Sign("(") => open += 1,
                Token::Sign(")") => open -= 1,
                _ => {}
            }
            if open == 0 {
                return Some(place + 1);
            }
        }
        None
    }

    /// Casts that keep a text or a whole number as it is.
    fn casts(&mut self, node: Node) -> Option<Node> {
        const KEEPING: [&str; 7] =
            ["text", "character varying", "name", "bpchar", "integer", "bigint", "smallint"];
        while self.sign("::").is_some() {
            let mut name = self.name()?;
            if name == "character" {
                name = format!("{name} {}", self.name()?);
            }
            let is_array = self.sign("[").is_some();
            if is_array {
                self.sign("]")?;
            }
            if !KEEPING.contains(&name.as_str()) {
                return None;
            }
        }
        Some(node)
    }

    fn name(&mut self) -> Option<String> {
        match self.tokens.get(self.next)? {
            Token::Name(name) => {
                self.next += 1;
                Some(name.clone())
            }
            _ => None,
        }
    }

    fn array(&mut self) -> Option<Vec<String>> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let values = if self.sign("(").is_some() {
            let inner = self.array()?;
            self.sign(")")?;
            inner
        } else if self.word("ARRAY").is_some() {
            self.sign("[")?;
            let mut values = Vec::new();
            loop {
                match self.operand()? {
                    Node::Constant(value) => values.push(value),
                    _ => return None,
                }
                if self.sign(",").is_none() {
                    break;
                }
            }
            self.sign("]")?;
            values
        } else {
            match self.tokens.get(self.next)? {
                Token::Text(text) => {
                    self.next += 1;
                    elements(text)?
                }
                _ => return None,
            }
        };
        self.depth -= 1;
        self.casts(Node::Null(String::new()))?;
        Some(values)
    }
}

/// Elements of an array literal without quotes and escapes.
fn elements(literal: &str) -> Option<Vec<String>> {
    let inner = literal.strip_prefix('{')?.strip_suffix('}')?;
    if inner.contains(['"', '\\', '{', '}']) {
        return None;
    }
    let elements: Vec<String> = inner.split(',').map(str::to_owned).collect();
    let is_plain = |element: &String| !element.is_empty() && !element.eq_ignore_ascii_case("null");
    elements.iter().all(is_plain).then_some(elements)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(definition: &str) -> Option<String> {
        listed(definition, Some("status")).map(|values| values.join("|"))
    }

    #[test]
    fn lists_as_the_server_prints_them() {
        for (definition, expected) in [
            ("CHECK ((status = ANY (ARRAY['active'::text, 'on leave'::text])))", "active|on leave"),
            (
                "CHECK (((status)::text = ANY ((ARRAY['a'::character varying, 'it''s'::character varying])::text[])))",
                "a|it's",
            ),
            ("CHECK ((status = ANY ('{a,b}'::text[])))", "a|b"),
            ("CHECK (((status = 'a'::text) OR (status = 'b'::text)))", "a|b"),
            ("CHECK (((status IS NULL) OR (status = ANY (ARRAY['a'::text, 'b'::text]))))", "a|b"),
            ("CHECK ((status = ANY (ARRAY[0, 1, '-2'::integer, (- 3)])))", "0|1|-2|-3"),
            ("CHECK (((kind = 'x'::text) AND (status = ANY (ARRAY['a'::text]))))", "a"),
            ("CHECK (((status = ANY (ARRAY['a'::text])) AND (kind IS NOT NULL) AND (length(kind) > 3)))", "a"),
            ("CHECK ((status = 'a\\b'::text))", "a\\b"),
            ("CHECK ((\"status\" = 'ä'::bpchar))", "ä"),
        ] {
            assert_eq!(of(definition).as_deref(), Some(expected), "{definition}");
        }
        let domain = "CHECK ((VALUE = ANY (ARRAY['a'::text, 'b'::text])))";
        assert_eq!(listed(domain, None), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(of(domain), None);
    }

    #[test]
    fn other_conditions_list_nothing() {
        for definition in [
            "CHECK ((kind = ANY (ARRAY['a'::text])))",
            "CHECK ((lower(status) = ANY (ARRAY['a'::text])))",
            "CHECK ((status <> 'a'::text))",
            "CHECK ((status <> ALL (ARRAY['a'::text])))",
            "CHECK (((status = 'a'::text) OR (kind = 'b'::text)))",
            "CHECK (((status = 'a'::text) OR (length(status) > 3)))",
            "CHECK (((status)::character(1) = 'a'::bpchar))",
            "CHECK ((status ~ '^[a-z]+$'::text))",
            "CHECK ((NOT (status = 'a'::text)))",
            "CHECK ((status = kind))",
            "CHECK ((status = ANY ('{\"a b\"}'::text[])))",
            "CHECK ((status = 'a'::text)) NOT VALID",
            "CHECK ((status = 'a'::text",
            "",
        ] {
            assert_eq!(of(definition), None, "{definition}");
        }
        assert_eq!(of(&format!("CHECK {}", "(".repeat(10_000))), None);
        assert_eq!(of(&format!("CHECK {}{}", "(".repeat(200), ")".repeat(200))), None);
    }
}
