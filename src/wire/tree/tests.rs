use proptest::prelude::*;

use super::*;
use crate::wire::text::normal;

fn fault(text: &str) -> (TreeProblem, String) {
    let fault = read(text.as_bytes()).expect_err(text);
    (fault.problem, fault.path)
}

/// The value as JSON, members in the order they were written.
fn written(json: Json<'_>) -> String {
    match json {
        Json::Array(items) => {
            let items: Vec<_> = items.map(written).collect();
            format!("[{}]", items.join(","))
        }
        Json::Object(members) => {
            let members: Vec<_> = members
                .map(|(name, value)| format!("{name}:{}", written(value)))
                .collect();
            format!("{{{}}}", members.join(","))
        }
        scalar => {
            let mut out = String::new();
            scalar.write_sorted(&mut out);
            out
        }
    }
}

#[test]
fn reads_every_kind_and_keeps_order_and_number_text() {
    let text = br#" {"b": [1.50, -0, 2e+9], "a": {"x": null}, "c": [true, false, "", [], {}]} "#;
    let tree = read(text).unwrap();
    let root = tree.root();
    assert_eq!(
        written(root),
        r#"{b:[1.50,-0,2e+9],a:{x:null},c:[true,false,"",[],{}]}"#
    );
    let Json::Object(members) = root else {
        panic!("{tree:?}");
    };
    let lengths: Vec<_> = members
        .map(|(_, value)| match value {
            Json::Array(items) => items.len(),
            Json::Object(members) => members.len(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(lengths, [3, 1, 5]);
    let inner = root.get("a").and_then(|it| it.get("x"));
    assert_eq!(inner.map(Json::kind), Some("null"));
    assert!(root.get("x").is_none());
}

#[test]
fn text_without_escapes_is_borrowed() {
    for (text, borrowed) in [("\"abc\"", true), ("\"Müller\"", true), ("\"a\\n\"", false)] {
        let tree = read(text.as_bytes()).unwrap();
        let found = matches!(tree.nodes.as_slice(), [Node::Text(Cow::Borrowed(_))]);
        assert_eq!(found, borrowed, "{text}");
    }
}

#[test]
fn the_next_message_is_read_in_the_same_memory() {
    let tree = read(br#"{"a":[1,2,3,4,5,6,7]}"#).unwrap();
    let memory = |tree: &Tree<'_>| (tree.nodes.as_ptr().addr(), tree.nodes.capacity());
    let before = memory(&tree);
    let kept: Tree<'static> = tree.emptied();
    let next = String::from("[true]");
    let tree = kept.read(next.as_bytes()).unwrap();
    assert_eq!(memory(&tree), before);
    assert_eq!(written(tree.root()), "[true]");
}

#[test]
fn every_byte_is_seen_at_every_place_of_a_string() {
    for place in 0..20_usize {
        for byte in 0..=u8::MAX {
            let mut text = vec![b'x'; 20];
            text[place] = byte;
            let quoted = [b"\"".as_slice(), &text, b"\""].concat();
            let read = match read(&quoted) {
                Ok(tree) => Ok(tree.root().text().unwrap().to_owned()),
                Err(fault) => Err(fault.problem),
            };
            match byte {
                0..=0x1f => assert_eq!(read, Err(TreeProblem::ControlCharacter)),
                b'"' => assert_eq!(read, Err(TreeProblem::Trailing)),
                b'\\' => assert!(read.is_err(), "{place}"),
                0x80.. => assert_eq!(read, Err(TreeProblem::NotUtf8)),
                _ => assert_eq!(read.unwrap().as_bytes(), text),
            }
        }
        // Two characters that are one in normal form C.
        let text = format!("{}u\u{308}{}", "x".repeat(place), "y".repeat(12));
        let quoted = format!("\"{text}\"");
        let tree = read(quoted.as_bytes()).unwrap();
        let composed = text.replace("u\u{308}", "ü");
        assert_eq!(tree.root().text(), Some(composed.as_str()));
    }
}

#[test]
fn escapes_and_normal_form() {
    let json = read(br#""\u004d\u0075\u0308ller \ud83d\ude00 \"\\\/\b\f\n\r\t""#).unwrap();
    assert_eq!(json.root().text(), Some("Müller 😀 \"\\/\u{8}\u{c}\n\r\t"));
    let json = read("\"Mu\u{308}ller\"".as_bytes()).unwrap();
    assert_eq!(json.root().text(), Some("Müller"));
}

#[test]
fn a_member_named_twice_is_refused_with_its_path() {
    let problem = TreeProblem::DuplicateMember;
    assert_eq!(fault(r#"{"a":1,"a":1}"#), (problem, "/a".into()));
    assert_eq!(
        fault(r#"{"d":[{},{"x":1,"y":2,"x":3}]}"#),
        (problem, "/d/1/x".into())
    );
    // The same name in two spellings is the same name.
    assert_eq!(fault(r#"{"a":1,"\u0061":1}"#), (problem, "/a".into()));
    assert_eq!(
        fault("{\"\u{fc}\":1,\"u\u{308}\":1}"),
        (problem, "/ü".into())
    );
    let many: Vec<_> = (0..1_000)
        .map(|number| format!("\"m{number}\":0"))
        .collect();
    let text = format!("{{{},\"m500\":0}}", many.join(","));
    assert_eq!(fault(&text), (problem, "/m500".into()));
    assert!(read(format!("{{{}}}", many.join(",")).as_bytes()).is_ok());
}

#[test]
fn depth_ends_at_the_limit() {
    let nested = |depth| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    assert!(read(nested(DEPTH_MAX).as_bytes()).is_ok());
    assert_eq!(fault(&nested(DEPTH_MAX + 1)).0, TreeProblem::TooDeep);
    assert_eq!(fault(&"[{\"a\":".repeat(100_000)).0, TreeProblem::TooDeep);
}

#[test]
fn what_is_not_json_is_refused() {
    for (text, problem) in [
        ("", TreeProblem::EndsTooSoon),
        (" ", TreeProblem::EndsTooSoon),
        ("{\"a\"", TreeProblem::EndsTooSoon),
        ("\"abc", TreeProblem::EndsTooSoon),
        ("\"abc\\", TreeProblem::EndsTooSoon),
        ("{} {}", TreeProblem::Trailing),
        ("{}\0", TreeProblem::Trailing),
        ("1 2", TreeProblem::Trailing),
        ("NaN", TreeProblem::Expected("a value")),
        ("\u{feff}{}", TreeProblem::Expected("a value")),
        ("nul", TreeProblem::Expected("null")),
        ("[1,]", TreeProblem::Expected("a value")),
        (
            "[1 2]",
            TreeProblem::Expected("a comma or the end of the array"),
        ),
        ("{\"a\":1,}", TreeProblem::Expected("a member name")),
        ("{a:1}", TreeProblem::Expected("a member name")),
        ("{\"a\" 1}", TreeProblem::Expected("a colon")),
        ("\"a\tb\"", TreeProblem::ControlCharacter),
        ("\"\\x\"", TreeProblem::BadEscape),
        ("\"\\u12g4\"", TreeProblem::BadEscape),
        ("\"\\ud800\"", TreeProblem::BadEscape),
        ("\"\\udc00\\ud800\"", TreeProblem::BadEscape),
        ("\"\\ud800\\u0041\"", TreeProblem::BadEscape),
        ("01", TreeProblem::BadNumber),
        ("-", TreeProblem::BadNumber),
        ("1.", TreeProblem::BadNumber),
        ("1e", TreeProblem::BadNumber),
        ("-a", TreeProblem::BadNumber),
        (".5", TreeProblem::Expected("a value")),
        ("+1", TreeProblem::Expected("a value")),
    ] {
        assert_eq!(fault(text).0, problem, "{text:?}");
    }
    assert_eq!(
        read(b"{\"a\":\"\xff\"}").unwrap_err().problem,
        TreeProblem::NotUtf8
    );
}

#[test]
fn a_fault_says_where() {
    let fault = read(b"{\n \"data\": {\"legs\": [\n 1,\n x]}}").unwrap_err();
    assert_eq!(
        (fault.line, fault.offset, fault.path.as_str()),
        (4, 27, "/data/legs/1")
    );
    assert_eq!(
        fault.to_string(),
        "not JSON, expected a value (line 4, byte 27)"
    );
}

#[test]
fn writes_one_form_only() {
    let mut out = String::new();
    let json = read("{ \"b\":\"\\u0001\\\"ü\", \"a\":[ 1.0 ,null] }".as_bytes()).unwrap();
    json.root().write_sorted(&mut out);
    assert_eq!(out, r#"{"a":[1.0,null],"b":"\u0001\"ü"}"#);
}

/// Any JSON text as a generator, with repeated names, escapes and numbers of all forms.
fn any_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?",
        "[ -~ü\u{308}]{0,8}".prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5)
                .prop_map(|items| format!("[{}]", items.join(" , "))),
            prop::collection::vec(("[a-e]{1,3}", inner), 0..5).prop_map(|members| {
                let members: Vec<_> = members
                    .iter()
                    .map(|(name, value)| format!("\"{name}\":{value}"))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    /// The standard reader accepts what we accept and reads the same from it; what we refuse
    /// it refuses too, apart from what we are stricter about.
    #[test]
    fn agrees_with_the_standard_reader(text in any_text(), cut in 0_usize..200, noise: u8) {
        for bytes in [text.clone().into_bytes(), damaged(&text, cut, noise)] {
            let theirs = serde_json::from_slice::<serde_json::Value>(&bytes);
            match read(&bytes) {
                Ok(ours) => {
                    let mut written = String::new();
                    ours.root().write_sorted(&mut written);
                    let again = read(written.as_bytes()).unwrap();
                    let mut twice = String::new();
                    again.root().write_sorted(&mut twice);
                    prop_assert_eq!(&written, &twice);
                    let theirs = normal(&theirs.unwrap().to_string()).into_owned();
                    let theirs: serde_json::Value = serde_json::from_str(&theirs).unwrap();
                    prop_assert_eq!(
                        serde_json::from_str::<serde_json::Value>(&written).unwrap(), theirs);
                }
                Err(TreeFault { problem: TreeProblem::DuplicateMember, .. }) => {}
                Err(_) => prop_assert!(theirs.is_err()),
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        prop_assert!(read(&bytes).is_ok() || read(&bytes).is_err());
    }
}

fn damaged(text: &str, cut: usize, noise: u8) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    if cut < bytes.len() {
        bytes[cut] = noise;
    }
    bytes
}
