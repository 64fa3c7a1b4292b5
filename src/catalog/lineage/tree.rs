//! Reads a `pg_node_tree`: the text in which the server stores the query of a view and the expression of a column.
//!
//! The format is that of the server's own reader (nodes/read.c, nodes/readfuncs.c): `{LABEL :field value …}`, lists in
//! parentheses, `<>` for nothing, a backslash before a character that would end a token. Fields are found by name, which
//! is what makes one reader fit all versions. What does not read as such is an error, and then nothing of it leaves.

/// A value of the tree. Borrowed from its text.
#[derive(Debug)]
pub enum Node<'t> {
    /// `<>`.
    Nothing,
    /// A number, a name, a word: as written.
    Token(&'t str),
    /// The bytes of a constant.
    Bytes(Vec<u8>),
    List(Vec<Node<'t>>),
    Struct(Struct<'t>),
}

/// `{LABEL :field value …}`.
#[derive(Debug)]
pub struct Struct<'t> {
    pub label: &'t str,
    fields: Vec<(&'t str, Node<'t>)>,
}

/// Brackets within brackets: more is refused, long before the stack ends.
const DEEPEST: usize = 1000;

/// Reads one value, which is all there is. `None`: this is no tree, or one that is nested too deeply.
pub fn read(text: &str) -> Option<Node<'_>> {
    let mut reader = Reader { text, place: 0, depth: 0 };
    let node = reader.value()?;
    reader.token().is_none().then_some(node)
}

impl<'t> Node<'t> {
    pub fn as_struct(&self) -> Option<&Struct<'t>> {
        match self {
            Node::Struct(node) => Some(node),
            _ => None,
        }
    }

    /// The members of a list; none of what is no list.
    pub fn items(&self) -> &[Node<'t>] {
        match self {
            Node::List(items) => items,
            _ => &[],
        }
    }

    pub fn number(&self) -> Option<i64> {
        match self {
            Node::Token(token) => token.parse().ok(),
            _ => None,
        }
    }

    /// A name: of a column, of a table expression. Quotes of a String node and backslashes are undone.
    pub fn name(&self) -> Option<String> {
        let Node::Token(token) = self else { return None };
        let quoted = token.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let mut name = String::new();
        let mut letters = quoted.unwrap_or(token).chars();
        while let Some(letter) = letters.next() {
            name.extend(if letter == '\\' { letters.next() } else { Some(letter) });
        }
        Some(name)
    }
}

impl<'t> Struct<'t> {
    /// A field by its name; `Nothing` where this version of the server has no such field.
    pub fn get(&self, name: &str) -> &Node<'t> {
        const NOTHING: &Node<'static> = &Node::Nothing;
        self.fields.iter().find(|(field, _)| *field == name).map_or(NOTHING, |(_, value)| value)
    }

    pub fn number(&self, name: &str) -> Option<i64> {
        self.get(name).number()
    }

    /// An oid; 0 where there is none.
    pub fn oid(&self, name: &str) -> u32 {
        self.number(name).and_then(|number| u32::try_from(number).ok()).unwrap_or(0)
    }

    pub fn is_true(&self, name: &str) -> bool {
        matches!(self.get(name), Node::Token("true"))
    }

    /// True if a field is this word.
    pub fn is_token(&self, name: &str, word: &str) -> bool {
        matches!(self.get(name), Node::Token(token) if *token == word)
    }

    pub fn fields(&self) -> impl Iterator<Item = (&'t str, &Node<'t>)> {
        self.fields.iter().map(|(field, value)| (*field, value))
    }

    pub fn values(&self) -> impl Iterator<Item = &Node<'t>> {
        self.fields.iter().map(|(_, value)| value)
    }
}

struct Reader<'t> {
    text: &'t str,
    place: usize,
    depth: usize,
}

impl<'t> Reader<'t> {
    /// The next token: a bracket, or all up to the next blank or bracket that has no backslash before it.
    fn token(&mut self) -> Option<&'t str> {
        let bytes = self.text.as_bytes();
        let is_blank = |byte: u8| matches!(byte, b' ' | b'\n' | b'\t');
        let is_bracket = |byte: u8| matches!(byte, b'(' | b')' | b'{' | b'}');
        while bytes.get(self.place).is_some_and(|byte| is_blank(*byte)) {
            self.place += 1;
        }
        let begin = self.place;
        if is_bracket(*bytes.get(begin)?) {
            self.place += 1;
        } else {
            while let Some(byte) =
                bytes.get(self.place).filter(|byte| !is_blank(**byte) && !is_bracket(**byte))
            {
                self.place += if *byte == b'\\' { 2 } else { 1 };
            }
        }
        // A backslash before a character of several bytes, or as the last one, could end within it or beyond.
        self.text.get(begin..self.place)
    }

    fn peek(&mut self) -> Option<&'t str> {
        let place = self.place;
        let token = self.token();
        self.place = place;
        token
    }

    fn value(&mut self) -> Option<Node<'t>> {
        match self.token()? {
            "{" => self.nested(Self::structure),
            "(" => self.nested(Self::list),
            "}" | ")" => None,
            "<>" => Some(Node::Nothing),
            token if self.peek() == Some("[") => {
                self.token()?;
                self.bytes(token.parse().ok()?)
            }
            token => Some(Node::Token(token)),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Option<Node<'t>>) -> Option<Node<'t>> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let node = read(self)?;
        self.depth -= 1;
        Some(node)
    }

    fn structure(&mut self) -> Option<Node<'t>> {
        let label = self.token()?;
        let mut fields = Vec::new();
        loop {
            match self.token()? {
                "}" => return Some(Node::Struct(Struct { label, fields })),
                field => fields.push((field.strip_prefix(':')?, self.value()?)),
            }
        }
    }

    fn list(&mut self) -> Option<Node<'t>> {
        let mut items = Vec::new();
        // Lists of integers, oids and bits say so first.
        if matches!(self.peek()?, "i" | "o" | "b" | "x") {
            self.token()?;
        }
        while self.peek()? != ")" {
            items.push(self.value()?);
        }
        self.token()?;
        Some(Node::List(items))
    }

    /// The bytes of a constant, each a signed number; one that is passed by value stands in a whole word.
    fn bytes(&mut self, length: usize) -> Option<Node<'t>> {
        let mut bytes = Vec::new();
        loop {
            match self.token()? {
                "]" => break,
                byte => bytes.push(byte.parse::<i16>().ok()? as u8),
            }
        }
        bytes.truncate(length);
        Some(Node::Bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_are_found_by_name() {
        let text =
            r#"({A :x 1 :names ("id" "a\ b") :none <> :oids (o 23 25) :value 5 [ 20 0 0 0 -28 ] :b {B}})"#;
        let tree = read(text).unwrap();
        let node = tree.items()[0].as_struct().unwrap();
        assert_eq!(node.label, "A");
        assert_eq!(node.number("x"), Some(1));
        assert_eq!(node.get("names").items()[1].name().as_deref(), Some("a b"));
        assert!(matches!(node.get("none"), Node::Nothing));
        assert!(matches!(node.get("no such field"), Node::Nothing));
        assert_eq!(node.get("oids").items()[1].number(), Some(25));
        assert!(matches!(node.get("value"), Node::Bytes(bytes) if bytes[4] == 228));
        assert_eq!(node.get("b").as_struct().unwrap().label, "B");
    }

    #[test]
    fn a_name_cannot_pose_as_a_field() {
        let tree = read(r#"{T :resname :varno :varattno 2 :other \<> :last :a\ \(b\)\ \{"}"#).unwrap();
        let node = tree.as_struct().unwrap();
        assert_eq!(node.get("resname").name().as_deref(), Some(":varno"));
        assert_eq!(node.number("varattno"), Some(2));
        assert_eq!(node.get("other").name().as_deref(), Some("<>"));
        assert_eq!(node.get("last").name().as_deref(), Some(":a (b) {\""));
    }

    #[test]
    fn what_is_no_tree_is_refused() {
        for text in [
            "",
            "{",
            "(",
            "{A :x}",
            "{A x 1}",
            "{A :x 1",
            "(1))",
            "{A} {B}",
            "{A :v 4 [ 1 }",
            "{A :v x [ 1 ]}",
            "\\",
        ] {
            assert!(read(text).is_none(), "{text}");
        }
        assert!(read(&format!("{}{}", "(".repeat(900), ")".repeat(900))).is_some());
        assert!(read(&format!("{}{}", "(".repeat(100_000), ")".repeat(100_000))).is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_is_read_or_refused(text in "[{}()\\[\\]<>:\\\\ a-cé0-9]{0,60}") {
            let _ = read(&text);
        }
    }
}
