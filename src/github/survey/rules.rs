//! Rules about branches: those of rulesets, which everybody who may read may see, and the older protection, of which
//! only administrators see everything.

use serde::Deserialize;
use serde_json::Value;

use crate::github::Error;
use crate::github::client::{Answer, encode};
use crate::github::survey::repository::present;
use crate::github::survey::{PAGE, Survey};

/// A rule that holds for a branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BranchRule {
    /// What it wants.
    pub kind: RuleKind,
    /// The ruleset it stands in.
    pub ruleset: Option<u64>,
}

/// What a rule wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleKind {
    /// Signed commits.
    Signatures,
    /// Names like this.
    Names {
        /// `starts_with`, `ends_with`, `contains` or `regex`.
        operator: String,
        /// What is compared.
        pattern: String,
        /// Names unlike this.
        negate: bool,
    },
    /// Checks that have passed.
    Checks {
        /// Their names.
        contexts: Vec<String>,
        /// On the newest base.
        strict: bool,
    },
    /// Merges through a queue.
    MergeQueue,
    /// Changes by pull request only.
    PullRequest,
    /// Nobody makes such branches.
    Creation,
    /// Nobody moves such branches.
    Update,
    /// Anything else.
    Other(String),
}

/// What everybody sees of a branch's older protection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protected {
    /// Whether there is one.
    pub is_protected: bool,
    /// Required checks, by name.
    pub contexts: Vec<String>,
}

/// What administrators see of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protection {
    /// Whether commits must be signed.
    pub signatures: bool,
    /// Whether checks must have passed on the newest base.
    pub strict: bool,
    /// Required checks, by name.
    pub contexts: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct RuleAnswer {
    #[serde(rename = "type", default)]
    kind: String,
    ruleset_id: Option<u64>,
    #[serde(default)]
    parameters: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct BranchAnswer {
    protected: bool,
    protection: Option<ProtectionAnswer>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ProtectionAnswer {
    required_signatures: Option<SwitchAnswer>,
    required_status_checks: Option<ChecksAnswer>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SwitchAnswer {
    enabled: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ChecksAnswer {
    strict: bool,
    contexts: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct RulesetAnswer {
    current_user_can_bypass: Option<String>,
}

impl Survey {
    /// The active rules for a branch's name; it need not exist.
    ///
    /// # Errors
    /// As any call.
    pub async fn rules(&self, branch: &str) -> Result<Vec<BranchRule>, Error> {
        let path = format!("/rules/branches/{}", encode(branch));
        let take = |answer: &Answer| answer.json::<Vec<RuleAnswer>>("the rules for branches");
        let found = self.pages(&path, "the rules for branches", PAGE, take).await?;
        Ok(found.into_iter().map(rule).collect())
    }

    /// Whether whoever holds this token may pass a ruleset at any time.
    ///
    /// # Errors
    /// As any call.
    pub async fn may_bypass(&self, ruleset: u64) -> Result<bool, Error> {
        let answer = self.client.look(&format!("/rulesets/{ruleset}"), "a ruleset").await?;
        let found: RulesetAnswer = answer.json("a ruleset")?;
        Ok(matches!(found.current_user_can_bypass.as_deref(), Some("always" | "exempt")))
    }

    /// What everybody sees of a branch's older protection.
    ///
    /// # Errors
    /// As any call.
    pub async fn protected(&self, branch: &str) -> Result<Protected, Error> {
        let path = format!("/branches/{}", encode(branch));
        let found: BranchAnswer = self.client.look(&path, "the branch").await?.json("the branch")?;
        let checks = found.protection.and_then(|protection| protection.required_status_checks);
        Ok(Protected { is_protected: found.protected, contexts: checks.map(|it| it.contexts).unwrap_or_default() })
    }

    /// What administrators see of it; nothing where there is none.
    ///
    /// # Errors
    /// As any call.
    pub async fn protection(&self, branch: &str) -> Result<Option<Protection>, Error> {
        let path = format!("/branches/{}/protection", encode(branch));
        let Some(answer) = present(self.client.look(&path, "the branch's protection").await)? else { return Ok(None) };
        let found: ProtectionAnswer = answer.json("the branch's protection")?;
        let checks = found.required_status_checks.unwrap_or_default();
        Ok(Some(Protection {
            signatures: found.required_signatures.is_some_and(|switch| switch.enabled),
            strict: checks.strict,
            contexts: checks.contexts,
        }))
    }
}

fn rule(found: RuleAnswer) -> BranchRule {
    let text = |name: &str| found.parameters[name].as_str().unwrap_or_default().to_owned();
    let is = |name: &str| found.parameters[name].as_bool().unwrap_or_default();
    let kind = match found.kind.as_str() {
        "required_signatures" => RuleKind::Signatures,
        "branch_name_pattern" => {
            RuleKind::Names { operator: text("operator"), pattern: text("pattern"), negate: is("negate") }
        }
        "required_status_checks" => {
            let checks = found.parameters["required_status_checks"].as_array().into_iter().flatten();
            let contexts = checks.filter_map(|check| check["context"].as_str()).map(str::to_owned).collect();
            RuleKind::Checks { contexts, strict: is("strict_required_status_checks_policy") }
        }
        "merge_queue" => RuleKind::MergeQueue,
        "pull_request" => RuleKind::PullRequest,
        "creation" => RuleKind::Creation,
        "update" => RuleKind::Update,
        other => RuleKind::Other(other.to_owned()),
    };
    BranchRule { kind, ruleset: found.ruleset_id }
}
