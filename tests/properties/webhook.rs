//! Webhooks: the header that says who sent it, and the payload that says where to look.

use secrecy::SecretString;
use task_orchestrator::github::webhook::{
    Hint, Parsed, PayloadError, Signature, SignatureError, WebhookSecrets, parse, sign,
};

/// The first line is `X-GitHub-Event`, the rest the body.
pub(crate) fn payload(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let event = String::from_utf8_lossy(&data[..end]);
    let body = data.get(end + 1..).unwrap_or_default();
    let parsed = parse(&event, body);
    assert_eq!(parsed, parse(&event, body), "the same bytes give the same answer");
    match parsed {
        Ok(Parsed::Delivery(delivery)) => {
            assert_eq!(delivery.event, event);
            let everywhere = delivery.hint() == Hint::Installation;
            assert!(delivery.repository.is_some() || everywhere, "work for no repository: {delivery:?}");
            let names = delivery.repository.iter().chain(&delivery.repositories);
            for name in names.map(ToString::to_string) {
                assert_eq!(name.split('/').filter(|part| !part.is_empty()).count(), 2, "{name} is no repository");
                assert!(!name.contains("..") && !name.contains(char::is_whitespace), "{name:?} is no repository");
            }
        }
        Ok(Parsed::Ignored { reason }) => short_line(&reason),
        Err(PayloadError::Malformed { message }) => short_line(&message),
        Err(PayloadError::Form) => assert!(body.starts_with(b"payload=")),
        Err(PayloadError::TooLong) => panic!("{} bytes are not too long", body.len()),
    }
}

/// What a log shows: one line of a length that nobody who sends decides (500 characters of theirs and a few of ours).
fn short_line(text: &str) {
    assert!(text.chars().count() <= 540 && !text.chars().any(char::is_control), "{text:?}");
}

/// The first line is the header, the rest the body.
pub(crate) fn signature(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let header = String::from_utf8_lossy(&data[..end]);
    let body = data.get(end + 1..).unwrap_or_default();
    let secrets = |secret: &str| WebhookSecrets::new(SecretString::from(secret), None).expect("long enough");
    let (ours, other) = (secrets("ours-and-long"), secrets("another-one"));
    match Signature::read(Some(&header)) {
        Ok(signature) => {
            let digits = header.strip_prefix("sha256=").expect("GitHub's prefix");
            assert!(digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()), "{header}");
            // Nobody who does not know the secret comes upon it.
            assert_eq!(ours.verify(signature, body), Err(SignatureError::Wrong));
        }
        Err(error) => assert_eq!(error, SignatureError::Malformed),
    }
    let signed = sign(&SecretString::from("ours-and-long"), body);
    let read = |text: &str| Signature::read(Some(text)).expect("as a sender writes it");
    assert_eq!(ours.verify(read(&signed), body), Ok(()));
    assert_eq!(other.verify(read(&signed), body), Err(SignatureError::Wrong));
    let mut changed = body.to_vec();
    changed.push(b' ');
    assert_eq!(ours.verify(read(&signed), &changed), Err(SignatureError::Wrong));
}
