//! JSON in, BSON out: the table of design section 4, pointers and codes, and the agreement with other decoders.

use event::parse::{BodyCode, Context, Parsed, batch, single};
use event::{Code, EventId, doc};
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

const NOW: i64 = 1_790_000_000_000;

fn with_context<T>(run: impl FnOnce(&mut Context<'_>) -> T) -> T {
    run(&mut Context {
        received_ms: NOW,
        batch_events_max: 1000,
        event_bytes_max: 256 * 1024,
        docs_bytes_max: usize::MAX,
        new_id: &mut || Uuid::from_u128(7),
    })
}

fn one(body: &str) -> Parsed {
    with_context(|context| single(body.as_bytes(), context)).expect("the body is JSON")
}

fn decoded(parsed: &Parsed, index: usize) -> bson::Document {
    let accepted = parsed.events[index].as_ref().expect("the event is good");
    bson::from_slice(parsed.doc(accepted)).expect("the document is BSON")
}

/// Code and pointer of the one refused event.
fn refused(body: &str) -> (Code, String) {
    let parsed = one(body);
    let reject = parsed.events[0].clone().expect_err(body);
    assert!(!reject.detail.is_empty());
    (reject.code, reject.pointer)
}

fn with_properties(properties: &str) -> String {
    format!(r#"{{"type":"t","userId":"u","id":"i","properties":{properties}}}"#)
}

#[test]
fn a_document_has_the_canonical_field_order_whatever_order_was_sent() {
    let parsed = one(
        r#"{"properties":{"b":1,"a":[true,null,"x",1.5]},"userId":"u","timestamp":"2026-01-31T12:00:00.5+01:00","id":"i","type":"t"}"#,
    );
    let document = decoded(&parsed, 0);
    let keys: Vec<&str> = document.keys().map(String::as_str).collect();
    assert_eq!(keys, ["_id", "id", "type", "userId", "timestamp", "receivedAt", "properties"]);
    assert_eq!(document.get_datetime("timestamp").unwrap().timestamp_millis(), 1_769_857_200_500);
    assert_eq!(document.get_datetime("receivedAt").unwrap().timestamp_millis(), NOW);
    let expected = bson::doc! {"b": 1_i64, "a": [true, null_value(), "x", 1.5]};
    assert_eq!(document.get_document("properties").unwrap(), &expected);
}

fn null_value() -> bson::Bson {
    bson::Bson::Null
}

#[test]
fn the_id_is_derived_from_user_and_client_id_and_can_be_read_back() {
    let parsed = one(r#"{"type":"t","userId":"u","id":"i"}"#);
    let accepted = parsed.events[0].as_ref().unwrap();
    assert!(accepted.idempotent);
    assert_eq!(accepted.id, EventId::derive("u", "i"));
    let bytes = parsed.doc(accepted);
    assert_eq!(doc::event_id(bytes), Some(accepted.id));
    assert_eq!(doc::client_id(bytes), Some("i"));
    assert_eq!(doc::event_type(bytes), Some("t"));
    assert_eq!(doc::user_id(bytes), Some("u"));
    assert_eq!(doc::received_ms(bytes), Some(NOW));
}

#[test]
fn without_an_id_the_server_makes_one_and_says_so() {
    let parsed = one(r#"{"type":"t","userId":"u"}"#);
    let accepted = parsed.events[0].as_ref().unwrap();
    assert!(!accepted.idempotent);
    assert_eq!(doc::client_id(parsed.doc(accepted)), Some("00000000-0000-0000-0000-000000000007"));
}

#[test]
fn integers_become_int64_and_other_numbers_doubles() {
    for (json, expected) in [
        ("0", bson::Bson::Int64(0)),
        ("-0", bson::Bson::Int64(0)),
        ("9223372036854775807", bson::Bson::Int64(i64::MAX)),
        ("-9223372036854775808", bson::Bson::Int64(i64::MIN)),
        ("1.0", bson::Bson::Double(1.0)),
        ("1e3", bson::Bson::Double(1000.0)),
        ("-0.0", bson::Bson::Double(-0.0)),
        ("1e-400", bson::Bson::Double(0.0)),
    ] {
        let document = decoded(&one(&with_properties(&format!(r#"{{"n":{json}}}"#))), 0);
        assert_eq!(document.get_document("properties").unwrap().get("n"), Some(&expected), "{json}");
    }
}

#[test]
fn odd_keys_and_nested_arrays_are_kept_as_sent() {
    let document = decoded(&one(&with_properties(r#"{"a.b":1,"$c":2,"":3,"d":[[1],[2]]}"#)), 0);
    let expected = bson::doc! {"a.b": 1_i64, "$c": 2_i64, "": 3_i64, "d": [[1_i64], [2_i64]]};
    assert_eq!(document.get_document("properties").unwrap(), &expected);
}

#[test]
fn each_fault_has_its_code_and_pointer() {
    let long = |n: usize| "x".repeat(n);
    let deep = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
    let table = [
        (r#"{"userId":"u"}"#.to_owned(), Code::MissingField, "/type"),
        (r#"{"type":"t"}"#.to_owned(), Code::MissingField, "/userId"),
        (r#"{"type":"","userId":"u"}"#.to_owned(), Code::EmptyField, "/type"),
        (r#"{"type":"t","userId":"u","id":""}"#.to_owned(), Code::EmptyField, "/id"),
        (r#"{"type":1,"userId":"u"}"#.to_owned(), Code::WrongType, "/type"),
        (r#"{"type":"t","userId":"a\u0000b"}"#.to_owned(), Code::BadCharacter, "/userId"),
        (r#"{"type":"t","userId":null}"#.to_owned(), Code::WrongType, "/userId"),
        (r#"{"type":"t","userId":"u","id":7}"#.to_owned(), Code::WrongType, "/id"),
        (r#"{"type":"t","userId":"u","properties":[]}"#.to_owned(), Code::WrongType, "/properties"),
        (format!(r#"{{"type":"{}","userId":"u"}}"#, long(201)), Code::TooLong, "/type"),
        (format!(r#"{{"type":"t","userId":"{}"}}"#, long(201)), Code::TooLong, "/userId"),
        (format!(r#"{{"type":"t","userId":"u","id":"{}"}}"#, long(129)), Code::TooLong, "/id"),
        (r#"{"type":"t","userId":"u","extra":1}"#.to_owned(), Code::UnknownField, "/extra"),
        (r#"{"type":"t","userId":"u","a/b~c":1}"#.to_owned(), Code::UnknownField, "/a~1b~0c"),
        (r#"{"type":"t","userId":"u","timestamp":5}"#.to_owned(), Code::WrongType, "/timestamp"),
        (r#"{"type":"t","userId":"u","timestamp":"yesterday"}"#.to_owned(), Code::BadTimestamp, "/timestamp"),
        (
            r#"{"type":"t","userId":"u","timestamp":"9999-12-31T23:59:59-23:59"}"#.to_owned(),
            Code::BadTimestamp,
            "/timestamp",
        ),
        (
            r#"{"type":"t","userId":"u","timestamp":"2026-02-30T00:00:00Z"}"#.to_owned(),
            Code::BadTimestamp,
            "/timestamp",
        ),
        (r#"{"type":"t","userId":"u","type":"t"}"#.to_owned(), Code::DuplicateKey, "/type"),
        (
            with_properties(r#"{"a":{"b":[1,{"c":9223372036854775808}]}}"#),
            Code::NumberOutOfRange,
            "/properties/a/b/1/c",
        ),
        (with_properties(r#"{"a":-9223372036854775809}"#), Code::NumberOutOfRange, "/properties/a"),
        (with_properties(r#"{"a":1e400}"#), Code::NumberOutOfRange, "/properties/a"),
        (with_properties(r#"{"a":{"x":1,"y":2,"x":3}}"#), Code::DuplicateKey, "/properties/a/x"),
        (with_properties(r#"{"a":{"\u0000b":1}}"#), Code::BadKey, "/properties/a"),
        (
            with_properties(&format!(r#"{{"a":{}}}"#, deep(32))),
            Code::TooDeep,
            &format!("/properties/a{}", "/0".repeat(31)),
        ),
        (with_properties(&format!(r#"{{"a":"{}"}}"#, long(256 * 1024))), Code::EventTooLarge, ""),
        (with_properties(&format!(r#"{{"a":[{}0]}}"#, "0,".repeat(60_000))), Code::EventTooLarge, ""),
        ("[]".to_owned(), Code::WrongType, ""),
        ("7".to_owned(), Code::WrongType, ""),
    ];
    for (body, code, pointer) in table {
        assert_eq!(refused(&body), (code, pointer.to_owned()), "{}", &body[..body.len().min(120)]);
    }
    assert!(one(&with_properties(&format!(r#"{{"a":{}}}"#, deep(31)))).events[0].is_ok());
}

#[test]
fn a_key_twice_among_many_is_found() {
    let mut members: Vec<String> = (0..5000).map(|n| format!(r#""k{n}":1"#)).collect();
    assert!(one(&with_properties(&format!("{{{}}}", members.join(",")))).events[0].is_ok());
    members.push(r#""k77":2"#.to_owned());
    let (code, pointer) = refused(&with_properties(&format!("{{{}}}", members.join(","))));
    assert_eq!((code, pointer.as_str()), (Code::DuplicateKey, "/properties/k77"));
}

#[test]
fn a_fault_of_one_event_leaves_its_neighbours_alone() {
    let body = r#"{"events":[{"type":"a","userId":"u","id":"1"},{"type":"b","userId":"u","properties":{"x":{"y":1e999,"z":[[{}]]}}},{"type":"c","userId":"u","id":"3"}]}"#;
    let parsed = with_context(|context| batch(body.as_bytes(), context)).unwrap();
    assert_eq!(parsed.events.len(), 3);
    assert_eq!(decoded(&parsed, 0).get_str("type"), Ok("a"));
    assert_eq!(parsed.events[1].as_ref().unwrap_err().pointer, "/events/1/properties/x/y");
    assert_eq!(decoded(&parsed, 2).get_str("type"), Ok("c"));
    let bare = with_context(|context| batch(br#"[{"type":"a"}]"#, context)).unwrap();
    assert_eq!(bare.events[0].as_ref().unwrap_err().pointer, "/0/userId");
}

#[test]
fn a_body_of_the_wrong_shape_is_refused_as_a_whole() {
    let too_many = format!("[{}0]", "0,".repeat(1000));
    let table = [
        ("", BodyCode::InvalidJson, ""),
        ("{", BodyCode::InvalidJson, ""),
        ("[1,]", BodyCode::InvalidJson, ""),
        ("[{\"type\":\"a\"}] x", BodyCode::InvalidJson, ""),
        ("[{\"type\":\"\u{1}\"}]", BodyCode::InvalidJson, ""),
        (r#"[{"type":"\ud800"}]"#, BodyCode::InvalidJson, ""),
        ("[01]", BodyCode::InvalidJson, ""),
        ("[NaN]", BodyCode::InvalidJson, ""),
        ("\"x\"", BodyCode::WrongType, ""),
        ("[]", BodyCode::EmptyBatch, ""),
        (r#"{"events":[]}"#, BodyCode::EmptyBatch, ""),
        (r#"{"events":{}}"#, BodyCode::WrongType, "/events"),
        ("{}", BodyCode::MissingField, "/events"),
        (r#"{"event":[]}"#, BodyCode::UnknownField, "/event"),
        (r#"{"events":[1],"events":[1]}"#, BodyCode::DuplicateKey, "/events"),
        (too_many.as_str(), BodyCode::TooManyEvents, ""),
        (&"[".repeat(100_000), BodyCode::TooDeep, "/0"),
    ];
    for (body, code, pointer) in table {
        let error = with_context(|context| batch(body.as_bytes(), context)).expect_err(body);
        assert_eq!((error.code, error.pointer.as_str()), (code, pointer), "{}", &body[..body.len().min(60)]);
    }
    let not_text = with_context(|context| batch(b"[{\"type\":\"\xff\"}]", context)).unwrap_err();
    assert_eq!(not_text.code, BodyCode::InvalidJson);
}

/// The same value as another encoder would make it.
fn expected(value: &Value) -> bson::Bson {
    match value {
        Value::Null => bson::Bson::Null,
        Value::Bool(b) => bson::Bson::Boolean(*b),
        Value::Number(n) => {
            n.as_i64().map_or_else(|| bson::Bson::Double(n.as_f64().expect("a number")), bson::Bson::Int64)
        }
        Value::String(s) => bson::Bson::String(s.clone()),
        Value::Array(items) => bson::Bson::Array(items.iter().map(expected).collect()),
        Value::Object(members) => {
            bson::Bson::Document(members.iter().map(|(key, value)| (key.clone(), expected(value))).collect())
        }
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e300f64..1e300).prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        "[\\x01-\\x7f\"\\\\é😀]{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map("[^\\x00]{0,8}", inner, 0..8)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_properties_are_stored_as_another_decoder_reads_them(value in prop::collection::btree_map("[^\\x00]{0,8}", any_json(), 0..8)) {
        let properties = Value::Object(value.into_iter().collect());
        let body = json!({"type": "t", "userId": "u", "id": "i", "properties": properties}).to_string();
        let document = decoded(&one(&body), 0);
        prop_assert_eq!(&bson::Bson::Document(document.get_document("properties").unwrap().clone()), &expected(&properties));
    }

    #[test]
    fn any_bytes_give_an_answer_and_what_is_accepted_is_bson(body in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(parsed) = with_context(|context| batch(&body, context)) {
            for accepted in parsed.events.iter().flatten() {
                prop_assert!(bson::from_slice::<bson::Document>(parsed.doc(accepted)).is_ok());
            }
        }
    }

    #[test]
    fn a_good_body_with_one_byte_changed_never_panics_and_never_breaks_a_document(at in 0usize..200, to in any::<u8>()) {
        let mut body = br#"[{"type":"t\u00e9","userId":"u","id":"i","timestamp":"2026-01-31T12:00:00Z","properties":{"a":[1,2.5,{"b":null}],"c":true}},{"type":"x","userId":"v","properties":{}}]"#.to_vec();
        let at = at % body.len();
        body[at] = to;
        if let Ok(parsed) = with_context(|context| batch(&body, context)) {
            for accepted in parsed.events.iter().flatten() {
                prop_assert!(bson::from_slice::<bson::Document>(parsed.doc(accepted)).is_ok());
            }
        }
    }
}

#[test]
fn an_event_that_grows_too_large_on_the_way_is_written_no_further_and_its_neighbours_are_taken() {
    // 120 KiB of JSON that would be 900 KiB of BSON.
    let numbers = vec!["1"; 60_000].join(",");
    let body = format!(
        r#"[{{"type":"t","userId":"u","id":"large","properties":{{"n":[{numbers}],"bad":1e999}}}},{{"type":"t","userId":"u"}}]"#
    );
    let parsed = with_context(|context| batch(body.as_bytes(), context)).unwrap();
    let reject = parsed.events[0].as_ref().unwrap_err();
    assert_eq!((reject.code, reject.pointer.as_str()), (Code::EventTooLarge, "/0"), "{}", reject.detail);
    assert_eq!(reject.id.as_deref(), Some("large"));
    assert!(parsed.events[1].is_ok());
    assert!(parsed.docs.capacity() < 400_000, "nothing of it was kept: {}", parsed.docs.capacity());
}

#[test]
fn a_batch_with_more_bson_than_is_taken_is_refused_whole() {
    let events = vec![r#"{"type":"t","userId":"u","properties":{"n":[1,2,3]}}"#; 100].join(",");
    let taken = |docs_bytes_max| {
        with_context(|context| {
            context.docs_bytes_max = docs_bytes_max;
            batch(format!("[{events}]").as_bytes(), context)
        })
    };
    let bytes = taken(usize::MAX).unwrap().docs.len();
    assert!(taken(bytes).is_ok());
    let refused = taken(bytes - 1).unwrap_err();
    assert_eq!(refused.code, BodyCode::TooManyEvents);
    assert!(refused.detail.contains("split"), "{}", refused.detail);
}

#[test]
fn a_refused_event_is_told_with_its_id_when_that_could_be_read() {
    let id = |body: &str| one(body).events[0].clone().expect_err(body).id;
    assert_eq!(id(r#"{"id":"a","userId":"u"}"#).as_deref(), Some("a"), "a field is missing");
    assert_eq!(
        id(r#"{"type":"t","userId":"u","more":1,"id":"b"}"#).as_deref(),
        Some("b"),
        "read after the fault"
    );
    assert_eq!(id(r#"{"type":"t","userId":"u","id":7}"#), None);
    assert_eq!(id("7"), None);
}
