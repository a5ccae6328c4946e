//! The pattern language, case by case.

use bytes::Bytes;
use model::{Position, Timestamp, UserRecord};
use serde_json::{Value, json};

use super::*;

fn matches(pattern: &Value, event: &Value) -> bool {
    let pattern = Pattern::compile(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    pattern.matches(&pattern::undotted(event.clone()))
}

fn field(test: &Value, value: &Value) -> bool {
    matches(&json!({ "f": [test] }), &json!({ "f": value }))
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn operators_match_what_they_say_and_nothing_else() {
    let absent = json!({});
    let cases = [
        (
            json!("text"),
            vec![json!("text")],
            vec![json!("Text"), json!(1)],
        ),
        (
            json!(300),
            vec![json!(300), json!(300.0)],
            vec![json!("300")],
        ),
        (
            json!(true),
            vec![json!(true)],
            vec![json!(false), json!("true")],
        ),
        (json!(null), vec![json!(null)], vec![json!(""), json!(0)]),
        (json!(""), vec![json!("")], vec![json!(null)]),
        (json!({"exactly": "x"}), vec![json!("x")], vec![json!("X")]),
        (
            json!({"prefix": "a"}),
            vec![json!("ab")],
            vec![json!("ba"), json!(1)],
        ),
        (
            json!({"prefix": ""}),
            vec![json!("ab"), json!("")],
            vec![json!(1)],
        ),
        (json!({"suffix": "z"}), vec![json!("az")], vec![json!("za")]),
        (
            json!({"prefix": {"equals-ignore-case": "A"}}),
            vec![json!("ab"), json!("Ab")],
            vec![json!("b")],
        ),
        (
            json!({"suffix": {"equals-ignore-case": "Z"}}),
            vec![json!("az"), json!("aZ")],
            vec![json!("z1")],
        ),
        (
            json!({"equals-ignore-case": "Ab"}),
            vec![json!("aB"), json!("AB")],
            vec![json!("abc"), json!(1)],
        ),
        (
            json!({"wildcard": "a*b"}),
            vec![json!("ab"), json!("a--b")],
            vec![json!("abc")],
        ),
        (
            json!({"wildcard": "*x*x"}),
            vec![json!("xx"), json!("axbx")],
            vec![json!("x")],
        ),
        (
            json!({"wildcard": "a\\*b"}),
            vec![json!("a*b")],
            vec![json!("axb")],
        ),
        (
            json!({"numeric": ["=", 1]}),
            vec![json!(1), json!(1.0)],
            vec![json!(2), json!("1")],
        ),
        (
            json!({"numeric": [">", 0, "<=", 5]}),
            vec![json!(5), json!(0.1)],
            vec![json!(0), json!(5.1)],
        ),
        (
            json!({"numeric": ["<", 0]}),
            vec![json!(-1)],
            vec![json!(0)],
        ),
        (
            json!(0),
            vec![json!(-0.0), json!(0.0), json!(0)],
            vec![json!(1), json!("0")],
        ),
        (
            json!({"anything-but": 0}),
            vec![json!(1)],
            vec![json!(-0.0)],
        ),
        (
            json!({"numeric": ["=", -0.0]}),
            vec![json!(0)],
            vec![json!(1)],
        ),
        (
            json!({"cidr": "10.0.0.0/24"}),
            vec![json!("10.0.0.255")],
            vec![json!("10.0.1.0"), json!("10.0.0")],
        ),
        (
            json!({"cidr": "2001:db8::/32"}),
            vec![json!("2001:db8::1")],
            vec![json!("2001:db9::1"), json!("10.0.0.1")],
        ),
        (
            json!({"cidr": "0.0.0.0/0"}),
            vec![json!("1.2.3.4")],
            vec![json!("::1")],
        ),
        (
            json!({"exists": true}),
            vec![json!(null), json!("x")],
            vec![absent.clone(), json!([])],
        ),
        (
            json!({"exists": false}),
            vec![json!({"g": 1}), json!([])],
            vec![json!(1)],
        ),
        (
            json!({"anything-but": "x"}),
            vec![json!("y"), json!(null), json!(1)],
            vec![json!("x"), absent],
        ),
        (
            json!({"anything-but": [1, 2]}),
            vec![json!(3), json!("1")],
            vec![json!(2)],
        ),
        (
            json!({"anything-but": {"prefix": ["a", "b"]}}),
            vec![json!("c"), json!(1)],
            vec![json!("ab"), json!("bc")],
        ),
        (
            json!({"anything-but": {"wildcard": "a*"}}),
            vec![json!("b")],
            vec![json!("ab")],
        ),
        (
            json!({"anything-but": {"equals-ignore-case": "x"}}),
            vec![json!("y")],
            vec![json!("X")],
        ),
    ];
    for (test, good, bad) in cases {
        for value in good {
            assert!(field(&test, &value), "{test} should match {value}");
        }
        for value in bad {
            assert!(!field(&test, &value), "{test} should not match {value}");
        }
    }
}

#[test]
fn absent_fields_match_only_exists_false() {
    let event = json!({ "other": 1 });
    assert!(matches(&json!({"f": [{"exists": false}]}), &event));
    assert!(matches(&json!({"f": {"g": [{"exists": false}]}}), &event));
    for test in [
        json!({"exists": true}),
        json!({"anything-but": "x"}),
        json!(null),
    ] {
        assert!(!matches(&json!({"f": [test]}), &event), "{test}");
    }
}

#[test]
fn fields_and_lists_are_joined_as_they_should() {
    let both = json!({"a": ["x"], "b": [1, 2]});
    assert!(matches(&both, &json!({"a": "x", "b": 2})));
    assert!(!matches(&both, &json!({"a": "x", "b": 3})));
    assert!(matches(&json!({"a": ["x"]}), &json!({"a": ["y", "x"]})));
    let one_element = json!({"items": {"sku": ["s"], "count": [{"numeric": [">", 1]}]}});
    assert!(matches(
        &one_element,
        &json!({"items": [{"sku": "t"}, {"sku": "s", "count": 2}]})
    ));
    assert!(!matches(
        &one_element,
        &json!({"items": [{"sku": "s", "count": 1}, {"sku": "t", "count": 2}]})
    ));
    assert!(matches(&json!({"a.b": ["x"]}), &json!({"a": {"b": "x"}})));
    assert!(matches(&json!({"a": {"b": ["x"]}}), &json!({"a.b": "x"})));
    assert!(!matches(
        &json!({"a": {"b": ["x"]}}),
        &json!({"a": "{\"b\": \"x\"}"})
    ));
}

#[test]
fn or_takes_any_branch_beside_its_siblings() {
    let pattern = json!({"kind": ["k"], "$or": [{"a": [1]}, {"b": {"c": [2]}}]});
    assert!(matches(&pattern, &json!({"kind": "k", "a": 1})));
    assert!(matches(&pattern, &json!({"kind": "k", "b": {"c": 2}})));
    assert!(!matches(&pattern, &json!({"kind": "k", "a": 2})));
    assert!(!matches(&pattern, &json!({"kind": "j", "a": 1})));
    assert!(matches(&json!({"$or": ["x"]}), &json!({"$or": "x"})));
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn what_cannot_be_meant_is_refused_in_the_words_of_eventbridge() {
    let cases = [
        (json!(3), "Filter is not an object"),
        (json!({}), "Empty objects are not allowed"),
        (json!({"f": []}), "Empty arrays are not allowed"),
        (json!({"f": "x"}), "\"f\" must be an object or an array"),
        (json!({"f": [{"near": 1}]}), "Unrecognized match type near"),
        (
            json!({"f": [{"prefix": "a", "suffix": "b"}]}),
            "Only one key allowed in match expression",
        ),
        (
            json!({"f": [{"prefix": 1}]}),
            "prefix match pattern must be a string",
        ),
        (
            json!({"f": [{"suffix": 1}]}),
            "suffix match pattern must be a string",
        ),
        (
            json!({"f": [{"wildcard": 1}]}),
            "wildcard match pattern must be a string",
        ),
        (
            json!({"f": [{"wildcard": "a**b"}]}),
            "Consecutive wildcard characters at pos 1",
        ),
        (
            json!({"f": [{"wildcard": "a\\b"}]}),
            "Invalid escape character at pos 1",
        ),
        (
            json!({"f": [{"wildcard": "*a*a*a*a*a*a*a*a*a*a*a"}]}),
            "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a wildcard character",
        ),
        (
            json!({"f": [{"equals-ignore-case": 1}]}),
            "equals-ignore-case match pattern must be a string",
        ),
        (
            json!({"f": [{"numeric": 1}]}),
            "Value of numeric must be an array.",
        ),
        (
            json!({"f": [{"numeric": ["<", "x"]}]}),
            "Value of < must be numeric",
        ),
        (
            json!({"f": [{"numeric": ["<", 1, ">", 0]}]}),
            "Too many terms in numeric range expression",
        ),
        (
            json!({"f": [{"numeric": [">", 1, ">", 0]}]}),
            "Bad numeric range operator: >",
        ),
        (
            json!({"f": [{"numeric": [">", 5, "<", 5]}]}),
            "Bottom must be less than top",
        ),
        (
            json!({"f": [{"numeric": [">=", 5, "<=", 5]}]}),
            "Bottom must be less than top",
        ),
        (
            json!({"f": [{"anything-but": true}]}),
            "Value of anything-but must be an array or single string/number value.",
        ),
        (
            json!({"f": [{"anything-but": [null]}]}),
            "Inside anything-but list, start|null|boolean is not supported.",
        ),
        (
            json!({"f": [{"anything-but": {"prefix": ""}}]}),
            "Null prefix/suffix not allowed",
        ),
        (
            json!({"f": [{"anything-but": {"prefix": 1}}]}),
            "prefix/suffix match pattern must be a string",
        ),
        (
            json!({"f": [{"cidr": "10.0.0.0"}]}),
            "Malformed CIDR, one '/' required",
        ),
        (
            json!({"f": [{"cidr": "10.0.0.0/x"}]}),
            "Malformed CIDR, mask bits must be an integer",
        ),
        (
            json!({"f": [{"cidr": "10.0/8"}]}),
            "Nonstandard IP address: 10.0",
        ),
        (
            json!({"f": [{"exists": "yes"}]}),
            "exists match pattern must be either true or false.",
        ),
    ];
    for (pattern, message) in cases {
        let error = Pattern::compile(&pattern).unwrap_err();
        assert_eq!(error.to_string(), message, "{pattern}");
    }
}

fn record(data: &str) -> UserRecord {
    UserRecord {
        position: Position::default(),
        arrived: Timestamp::from_millis(1_500),
        partition_key: Bytes::from_static(b"JFK"),
        explicit_hash_key: None,
        data: Bytes::copy_from_slice(data.as_bytes()),
        aggregated: false,
        deliveries: 1,
    }
}

#[test]
fn bodies_that_are_not_json_go_where_the_trigger_says() {
    let late = json!({"data": {"dep_delay": [{"numeric": [">", 30]}]}});
    let key = json!({"partitionKey": ["JFK"]});
    let text = json!({"data": ["ping"]});
    let cases = [
        (vec![], "anything", Sifted::Kept),
        (vec![&late], "{\"dep_delay\": 31}", Sifted::Kept),
        (vec![&late], "{\"dep_delay\": 30}", Sifted::FilteredOut),
        (vec![&late], "not json", Sifted::Unparsable),
        (vec![&late, &key], "not json", Sifted::Kept),
        (vec![&text], "ping", Sifted::Kept),
        (vec![&text], "pong", Sifted::FilteredOut),
        (vec![&text], "\"ping\"", Sifted::FilteredOut),
    ];
    for (patterns, body, expected) in cases {
        let patterns: Vec<Value> = patterns.into_iter().cloned().collect();
        let filter = Filter::compile(&patterns, Unparsable::DeadLetter).unwrap();
        assert_eq!(
            filter.sift(&Looked::from(&record(body))),
            expected,
            "{patterns:?} {body}"
        );
    }
    for (choice, expected) in [
        (Unparsable::Pass, Sifted::Kept),
        (Unparsable::Drop, Sifted::FilteredOut),
    ] {
        let filter = Filter::compile(std::slice::from_ref(&late), choice).unwrap();
        assert_eq!(filter.sift(&Looked::from(&record("not json"))), expected);
    }
}

#[test]
fn patterns_may_be_pasted_as_text_and_their_number_is_bounded() {
    let pasted = json!("{\"data\": {\"a\": [1]}}");
    let filter = Filter::compile(&[pasted], Unparsable::default()).unwrap();
    assert_eq!(
        filter.sift(&Looked::from(&record("{\"a\": 1}"))),
        Sifted::Kept
    );
    let many = vec![json!({"data": {"a": [1]}}); 11];
    assert_eq!(
        Filter::compile(&many, Unparsable::default()),
        Err(FilterError::TooMany(11))
    );
}

#[test]
fn keys_are_compared_as_text_also_where_they_are_not_sound_text() {
    let with_key = |key: &'static [u8]| UserRecord {
        partition_key: Bytes::from_static(key),
        ..record("{}")
    };
    let cases: [(Value, &[u8], Sifted); 8] = [
        (json!(["JFK"]), b"JFK", Sifted::Kept),
        (json!(["JFK"]), b"JFL", Sifted::FilteredOut),
        (json!(["JFK"]), b"JFK\xff", Sifted::FilteredOut),
        (json!([{"prefix": "J"}]), b"JFK\xff", Sifted::Kept),
        (json!([{"suffix": "\u{fffd}"}]), b"JFK\xff", Sifted::Kept),
        (
            json!([{"anything-but": ["JFK"]}]),
            b"JFK",
            Sifted::FilteredOut,
        ),
        (json!([{"anything-but": ["JFK"]}]), b"\xff", Sifted::Kept),
        (json!([{"exists": true}]), b"\xff", Sifted::Kept),
    ];
    for (tests, key, expected) in cases {
        let pattern = json!({ "partitionKey": tests });
        let filter = Filter::compile(&[pattern], Unparsable::default()).unwrap();
        let record = with_key(key);
        assert_eq!(
            filter.sift(&Looked::from(&record)),
            expected,
            "{tests} {key:?}"
        );
    }
}

#[test]
fn of_keys_that_come_twice_the_last_counts_in_patterns_and_in_bodies() {
    let twice = json!(r#"{"data":{"a":["x"],"a":["y"]}}"#);
    let filter = Filter::compile(&[twice], Unparsable::default()).unwrap();
    for (body, expected) in [
        (r#"{"a":"y"}"#, Sifted::Kept),
        (r#"{"a":"x"}"#, Sifted::FilteredOut),
        (r#"{"a":"x","a":"y"}"#, Sifted::Kept),
        (r#"{"a":"y","a":"x"}"#, Sifted::FilteredOut),
        (
            r#"{"a":"y","b":{"a":"x"},"a":{"c":1}}"#,
            Sifted::FilteredOut,
        ),
    ] {
        let record = record(body);
        let alone = Looked::from(&record);
        assert_eq!(filter.sift(&alone), expected, "{body}");
        let outline = OnceLock::new();
        let shared = Looked {
            outline: Some(&outline),
            ..alone
        };
        assert_eq!(filter.sift(&shared), expected, "{body}");
    }
}

#[test]
fn patterns_that_look_beside_the_body_are_remarked_upon() {
    let remark = |pattern: Value| {
        let filter = Filter::compile(&[pattern], Unparsable::default()).unwrap();
        filter.remark()
    };
    assert_eq!(remark(json!({"data": {"partitionKey": ["a"]}})), None);
    let or = json!({"$or": [{"partitionKey": ["a"]}, {"sequenceNumber": ["1"]}]});
    assert_eq!(
        remark(or).as_deref(),
        Some("the filter looks at partitionKey, sequenceNumber: AWS takes data alone for Kinesis")
    );
    assert_eq!(
        remark(json!({"carrier": ["a"], "data": ["b"]})).as_deref(),
        Some(
            "the filter looks at carrier, which no record has: members of the body stand below data"
        )
    );
}
