//! The App's manifest as GitHub takes it: `app-manifest.yml`, filled with what the person chose.

use serde_json::{Map, Value, json};

/// The manifest of this repository, from which every App is created.
const MANIFEST: &str = include_str!("../../../app-manifest.yml");
/// Longest name of an App at GitHub, in characters.
pub(super) const NAME_CHARACTERS_MAX: usize = 34;
/// Longest login of an account.
const LOGIN_CHARACTERS_MAX: usize = 39;

/// What an App is created with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wishes {
    /// Its name: unlike that of any other App.
    pub(super) name: String,
    /// The organisation that is to own it; empty: the person.
    pub(super) organization: String,
    /// Where GitHub reaches this server, `https://host`; empty: no webhooks.
    pub(super) address: String,
}

/// The manifest cannot be read, which a test keeps from happening.
#[derive(Debug, thiserror::Error)]
#[error("app-manifest.yml cannot be read: {0}")]
pub(super) struct ManifestError(String);

/// `app-manifest.yml` as it is.
pub(super) fn bundled() -> Result<Map<String, Value>, ManifestError> {
    serde_saphyr::from_str(MANIFEST).map_err(|error| ManifestError(error.to_string()))
}

/// The manifest for an App with these wishes, which lead back to `redirect_url` with a code. GitHub takes JSON only.
pub(super) fn filled(wishes: &Wishes, redirect_url: &str) -> Result<Value, ManifestError> {
    let mut manifest = bundled()?;
    manifest.insert("name".to_owned(), json!(wishes.name));
    manifest.insert("redirect_url".to_owned(), json!(redirect_url));
    if wishes.address.is_empty() {
        // Events without an address to send them to would be refused.
        manifest.remove("hook_attributes");
        manifest.remove("default_events");
    } else {
        let url = format!("{}/webhook", wishes.address);
        manifest.insert("hook_attributes".to_owned(), json!({ "url": url, "active": true }));
    }
    Ok(Value::Object(manifest))
}

impl Wishes {
    /// The same as it is meant, without blanks around it; every mistake in words for the person who made it.
    pub(super) fn checked(&self) -> Result<Self, Vec<String>> {
        let tidy = Self {
            name: self.name.trim().to_owned(),
            organization: self.organization.trim().to_owned(),
            address: self.address.trim().trim_end_matches('/').to_owned(),
        };
        let mut mistakes = Vec::new();
        let length = tidy.name.chars().count();
        if length == 0 || length > NAME_CHARACTERS_MAX || tidy.name.chars().any(char::is_control) {
            mistakes.push(format!("The name must have 1 to {NAME_CHARACTERS_MAX} characters."));
        }
        if !tidy.organization.is_empty() && !is_login(&tidy.organization) {
            mistakes.push(
                "The organisation must be its name as it stands in its address, such as octo-org; leave it empty to \
                 own the App yourself."
                    .to_owned(),
            );
        }
        if !tidy.address.is_empty() && !is_address(&tidy.address) {
            mistakes.push(
                "The address must be https:// and a host, such as https://orchestrator.example.com; leave it empty to \
                 go without webhooks."
                    .to_owned(),
            );
        }
        if mistakes.is_empty() { Ok(tidy) } else { Err(mistakes) }
    }
}

fn is_login(text: &str) -> bool {
    let letters = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    letters && text.len() <= LOGIN_CHARACTERS_MAX && !text.starts_with('-') && !text.ends_with('-')
}

/// Whether a text is an origin, `https://host[:port]`; on this machine itself `http://` will do.
pub fn is_address(text: &str) -> bool {
    let Ok(uri) = text.parse::<axum::http::Uri>() else { return false };
    let Some(authority) = uri.authority() else { return false };
    let is_bare = matches!(uri.path(), "" | "/") && uri.query().is_none() && !authority.as_str().contains('@');
    let is_local = matches!(authority.host(), "127.0.0.1" | "localhost" | "[::1]");
    let is_safe = uri.scheme_str() == Some("https") || uri.scheme_str() == Some("http") && is_local;
    is_bare && is_safe && !text.ends_with('/') && !text.contains('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every key that GitHub takes (docs: registering a GitHub App from a manifest).
    const KEYS: [&str; 12] = [
        "name",
        "url",
        "hook_attributes",
        "redirect_url",
        "callback_urls",
        "setup_url",
        "description",
        "public",
        "default_events",
        "default_permissions",
        "request_oauth_on_install",
        "setup_on_update",
    ];

    fn wishes(organization: &str, address: &str) -> Wishes {
        Wishes { name: " orchestrator ".to_owned(), organization: organization.to_owned(), address: address.to_owned() }
    }

    #[test]
    fn github_gets_the_bundled_manifest_with_what_was_chosen() {
        let wishes = wishes("", "https://o.example.com/").checked().expect("right");
        let manifest = filled(&wishes, "http://127.0.0.1:8080/setup/created").expect("readable");
        let fields = manifest.as_object().expect("an object");
        assert!(fields.keys().all(|key| KEYS.contains(&key.as_str())), "{fields:?}");
        assert_eq!(manifest["name"], "orchestrator");
        assert_eq!(manifest["redirect_url"], "http://127.0.0.1:8080/setup/created");
        assert_eq!(manifest["hook_attributes"], json!({ "url": "https://o.example.com/webhook", "active": true }));
        let permissions = manifest["default_permissions"].as_object().expect("an object");
        assert!(permissions.contains_key("contents") && !permissions.contains_key("workflows"), "{permissions:?}");
        assert!(manifest["url"].as_str().is_some_and(|url| url.starts_with("https://")));
        assert_eq!(manifest["public"], json!(false));
        assert!(manifest["default_events"].as_array().is_some_and(|events| events.len() > 5));
    }

    #[test]
    fn without_an_address_there_is_no_webhook() {
        let manifest = filled(&wishes("", "").checked().expect("right"), "http://127.0.0.1:1/x").expect("readable");
        assert_eq!((&manifest["hook_attributes"], &manifest["default_events"]), (&Value::Null, &Value::Null));
    }

    #[test]
    fn mistakes_are_named_before_anybody_goes_to_github() {
        for (wishes, word) in [
            (wishes("octo org", ""), "organisation"),
            (wishes("../settings", ""), "organisation"),
            (wishes("-octo", ""), "organisation"),
            (wishes("", "orchestrator.example.com"), "address"),
            (wishes("", "http://orchestrator.example.com"), "address"),
            (wishes("", "https://o.example.com/path"), "address"),
            (wishes("", "https://user:word@o.example.com"), "address"),
            (wishes("", "https://o.example.com?x=1"), "address"),
            (Wishes { name: "x".repeat(35), ..Wishes::default() }, "name"),
            (Wishes::default(), "name"),
        ] {
            let mistakes = wishes.checked().expect_err("a mistake");
            assert!(mistakes.len() == 1 && mistakes[0].contains(word), "{wishes:?}: {mistakes:?}");
        }
        for right in [wishes("octo-org", "https://o.example.com:8443"), wishes("a_b", "http://127.0.0.1:8080")] {
            assert!(right.checked().is_ok(), "{right:?}");
        }
    }
}
