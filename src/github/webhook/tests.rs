//! Payloads as GitHub sends them, and what chance or a later GitHub may make of them.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::engine::id::{CommentId, IssueNumber, PullNumber, RepositoryName, RunId, Sha};
use crate::github::webhook::{BODY_BYTES_MAX, Delivery, Hint, Parsed, PayloadError, parse};

/// Every committed payload with its event.
fn payloads() -> Vec<(String, String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/webhooks");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder of payloads") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a file name").to_owned();
        if path.extension().is_some_and(|extension| extension == "json") {
            let text = std::fs::read_to_string(&path).expect("a payload");
            let event = name.split('.').next().unwrap_or_default().to_owned();
            found.push((name, event, serde_json::from_str(&text).expect("JSON")));
        }
    }
    assert!(found.len() >= 12, "only {} payloads", found.len());
    found
}

fn delivery(event: &str, payload: &Value) -> Delivery {
    match parse(event, payload.to_string().as_bytes()).expect(event) {
        Parsed::Delivery(delivery) => *delivery,
        Parsed::Ignored { reason } => panic!("{event}: {reason}"),
    }
}

#[test]
fn every_event_points_at_its_thing() {
    let sha = |text: &str| Sha::new(text);
    let expected: BTreeMap<&str, Hint> = [
        ("issues.labeled", Hint::Issue(IssueNumber(1))),
        ("issues.edited", Hint::Issue(IssueNumber(1))),
        ("issue_comment.created", Hint::Comment { issue: IssueNumber(1), comment: CommentId(492_700_400) }),
        ("check_run.completed", Hint::Checks(sha("ec26c3e57ca3a959ca5aad62de7213c562f8c821"))),
        ("check_suite.completed", Hint::Checks(sha("ec26c3e57ca3a959ca5aad62de7213c562f8c821"))),
        ("workflow_run.completed", Hint::Run { run: RunId(1_589_141_559), title: None }),
        ("workflow_job.in_progress", Hint::Run { run: RunId(940_463_255), title: None }),
        ("pull_request.closed", Hint::PullRequest(PullNumber(2))),
        ("push", Hint::Push { branch: "master".to_owned() }),
        ("installation.created", Hint::Installation),
        ("installation_repositories.added", Hint::Installation),
        ("status", Hint::Checks(sha("6113728f27ae82c7b1a177c8d03f9e96e0adf246"))),
    ]
    .into();
    for (name, event, payload) in payloads() {
        let delivery = delivery(&event, &payload);
        assert_eq!(Some(&delivery.hint()), expected.get(name.as_str()), "{name}");
        assert_eq!(delivery.action.as_deref(), payload["action"].as_str(), "{name}");
        assert_eq!(delivery.sender.map(|sender| sender.login.0).as_deref(), payload["sender"]["login"].as_str());
    }
}

#[test]
fn an_edit_carries_both_bodies_and_an_installation_its_repositories() {
    let of = |wanted: &str| payloads().into_iter().find(|(name, _, _)| name == wanted).expect(wanted);
    let (_, event, mut edited) = of("issues.edited");
    edited["changes"] = serde_json::json!({"body": {"from": "- [ ] #2"}});
    edited["issue"]["body"] = "- [x] #2".into();
    let seen = delivery(&event, &edited);
    assert_eq!((seen.changed_body.as_deref(), seen.body.as_deref()), (Some("- [ ] #2"), Some("- [x] #2")));

    let (_, event, added) = of("installation_repositories.added");
    let seen = delivery(&event, &added);
    assert_eq!(seen.repositories, [RepositoryName::new("Codertocat/Space")]);
    assert_eq!(seen.installation.map(|id| id.0), added["installation"]["id"].as_u64());
}

#[test]
fn a_title_is_read_where_runs_have_one() {
    let payload = serde_json::json!({"action": "in_progress", "repository": {"full_name": "o/r"},
        "workflow_run": {"id": 5, "display_title": "task t1.2.aa", "status": "brand_new"}});
    let hint = delivery("workflow_run", &payload).hint();
    assert_eq!(hint, Hint::Run { run: RunId(5), title: Some("task t1.2.aa".to_owned()) });
}

#[test]
fn events_without_examples_are_read_too() {
    for (event, payload, hint) in [
        ("sub_issues", serde_json::json!({"parent_issue": {"number": 7}}), Hint::Issue(IssueNumber(7))),
        ("issue_dependencies", serde_json::json!({"blocked_issue": {"number": 8}}), Hint::Issue(IssueNumber(8))),
        ("repository", serde_json::json!({"action": "renamed"}), Hint::Repository),
        ("issues", serde_json::json!({"issue": null}), Hint::Repository),
    ] {
        let mut payload = payload;
        payload["repository"] = serde_json::json!({"full_name": "o/r"});
        assert_eq!(delivery(event, &payload).hint(), hint, "{event}");
    }
}

#[test]
fn what_is_not_ours_is_ignored_and_what_is_no_payload_is_an_error() {
    let ignored = |event: &str, body: &str| match parse(event, body.as_bytes()) {
        Ok(Parsed::Ignored { reason }) => reason,
        other => panic!("{event} {body}: {other:?}"),
    };
    assert_eq!(ignored("ping", r#"{"zen":"x"}"#), "nothing is done for `ping`");
    assert_eq!(ignored("star\n", r#"{"action":"created"}"#), "nothing is done for `star `");
    assert_eq!(ignored("issues", "{}"), "it names no repository");
    assert_eq!(ignored("issues", r#"{"repository":{"full_name":"../../x"}}"#), "it names no repository");
    let tag = r#"{"ref":"refs/tags/v1","repository":{"full_name":"o/r"}}"#;
    assert_eq!(ignored("push", tag), "a tag was pushed, no branch");

    assert_eq!(parse("issues", b"payload=%7B%7D"), Err(PayloadError::Form));
    assert_eq!(parse("issues", &vec![b' '; BODY_BYTES_MAX + 1]), Err(PayloadError::TooLong));
    for wrong in [&b""[..], b"{", b"null, null", b"[1]", b"\xff\xfe", b"{\"issue\": 3}", b"{\"number\": -1}"] {
        assert!(matches!(parse("issues", wrong), Err(PayloadError::Malformed { .. })), "{wrong:?}");
    }
}

/// Every place in a value: the keys that lead to it.
fn places(value: &Value, here: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    if let Value::Object(fields) = value {
        for (key, inner) in fields {
            here.push(key.clone());
            found.push(here.clone());
            places(inner, here, found);
            here.pop();
        }
    }
}

fn parent<'a>(value: &'a mut Value, place: &[String]) -> &'a mut serde_json::Map<String, Value> {
    let (_, above) = place.split_last().expect("a place has a key");
    let inner = above.iter().fold(value, |value, key| &mut value[key.as_str()]);
    inner.as_object_mut().expect("a place lies in an object")
}

#[test]
fn absent_null_new_and_unknown_fields_are_survived() {
    for (name, event, payload) in payloads() {
        let mut found = Vec::new();
        places(&payload, &mut Vec::new(), &mut found);
        for place in found {
            let key = place.last().expect("a key").clone();
            let mut absent = payload.clone();
            parent(&mut absent, &place).remove(&key);
            assert!(parse(&event, absent.to_string().as_bytes()).is_ok(), "{name} without {place:?}");

            let mut null = payload.clone();
            parent(&mut null, &place).insert(key.clone(), Value::Null);
            assert!(parse(&event, null.to_string().as_bytes()).is_ok(), "{name} with null {place:?}");

            let mut extended = payload.clone();
            parent(&mut extended, &place).insert(format!("{key}_of_2030"), serde_json::json!([{"new": 1}]));
            assert_eq!(delivery(&event, &extended), delivery(&event, &payload), "{name} with more beside {place:?}");

            if payload.pointer(&format!("/{}", place.join("/"))).is_some_and(Value::is_string) {
                let mut unknown = payload.clone();
                parent(&mut unknown, &place).insert(key.clone(), "a_word_of_2030".into());
                assert!(parse(&event, unknown.to_string().as_bytes()).is_ok(), "{name} with a new word in {place:?}");
            }

            // Another kind of value may be refused, but only as an error.
            for odd in [serde_json::json!([]), serde_json::json!({}), serde_json::json!(-1.5), serde_json::json!(true)]
            {
                let mut turned = payload.clone();
                parent(&mut turned, &place).insert(key.clone(), odd);
                let _answer = parse(&event, turned.to_string().as_bytes());
            }
        }
    }
}
