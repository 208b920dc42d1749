//! Effect → call → outcome, read → calls → fact. Nothing is decided here: what came back is told to the engine as
//! events.

mod attempts;
mod briefs;
mod deployment;
mod failure;
mod fence;
mod footprints;
mod guard;
mod kept;
mod look;
mod merges;
mod planned;
mod probe;
mod question;
mod read;
mod update;
mod write;

use std::sync::Mutex;
use std::time::Duration;

use crate::engine::effect::{Effect, EffectKey, Entry, Outcome};
use crate::engine::event::Event;
use crate::engine::id::Sha;
use crate::engine::plan::Plan;
use crate::engine::step::Step;
use crate::engine::time::Timestamp;
use crate::git::Git;
use crate::github::{GitHub, KnownTip};
use crate::infer;
use crate::store::{self, Lease, Store};
use crate::survey;

pub use deployment::{Configuration, Deployment};
use guard::Guard;

/// Most branches deleted in one call.
const DELETIONS_AT_ONCE: usize = 50;

/// How long a branch counts as the default one without being asked for: only people change that, and seldom.
const NAME_HOLDS: Duration = Duration::from_secs(30 * 60);

/// What is kept between turns: the base's file list at one commit while its head stays, what was read of its files to
/// rank them, its name for a while, and where our last commit left the state branch. All of it can be read anew.
#[derive(Debug, Default)]
pub struct Tree {
    list: Mutex<Option<(Sha, std::sync::Arc<infer::Index>)>>,
    known: Mutex<survey::Known>,
    name: Mutex<Option<(Timestamp, String)>>,
    state: KnownTip,
}

impl Tree {
    /// The list at a commit, if it is the one kept.
    fn at(&self, commit: &Sha) -> Option<std::sync::Arc<infer::Index>> {
        let kept = self.list.lock().ok()?;
        kept.as_ref().filter(|(at, _)| at == commit).map(|(_, index)| index.clone())
    }

    /// The default branch, where GitHub said lately which it is.
    fn named(&self, now: Timestamp) -> Option<String> {
        let kept = self.name.lock().ok()?;
        kept.as_ref().filter(|(at, _)| *at <= now && now < *at + NAME_HOLDS).map(|(_, name)| name.clone())
    }

    /// Keeps the default branch's name.
    fn name(&self, name: &str, now: Timestamp) {
        if let Ok(mut kept) = self.name.lock() {
            *kept = Some((now, name.to_owned()));
        }
    }

    /// Forgets the default branch: there is none of the name that was kept.
    fn forget_name(&self) {
        if let Ok(mut kept) = self.name.lock() {
            *kept = None;
        }
    }

    /// A tree that shares where the state branch stands with whoever else writes there.
    pub fn sharing(state: KnownTip) -> Self {
        Self { state, ..Self::default() }
    }

    /// Where our last commit left the state branch.
    fn state(&self) -> Option<Sha> {
        self.state.tip()
    }

    /// Keeps, or forgets, where the state branch stands.
    fn keep_state(&self, tip: Option<Sha>) {
        self.state.keep(tip);
    }

    /// Takes what was read of files; who else asks meanwhile finds nothing and reads anew.
    fn take_known(&self) -> survey::Known {
        self.known.lock().map(|mut kept| std::mem::take(&mut *kept)).unwrap_or_default()
    }

    /// Keeps what was read of files.
    fn keep_known(&self, known: survey::Known) {
        if let Ok(mut kept) = self.known.lock() {
            *kept = known;
        }
    }

    /// Keeps a list.
    fn keep(&self, commit: Sha, index: std::sync::Arc<infer::Index>) {
        if let Ok(mut kept) = self.list.lock() {
            *kept = Some((commit, index));
        }
    }
}

/// Performs what a step asks for and gives what came of it: writes one after the other, reads side by side. `plan` is
/// the plan as saved with the step. Once GitHub asks us to wait, nothing more is asked of it: what is left waits too.
///
/// Fails where the lease does not stand any more, or cannot be shown to: then nothing more was sent, and what was is
/// looked for by whoever holds it next.
pub async fn perform<G: GitHub, M: Git, S: Store>(
    deployment: &Deployment<G, M, S>,
    lease: Lease,
    plan: &Plan,
    step: &Step,
    now: Timestamp,
) -> Result<Vec<Event>, store::Error> {
    let guard = Guard::new(deployment, lease);
    let mut said = Said::default();
    for key in &step.probes {
        let Some(entry) = plan.outbox.get(key) else { continue };
        let outcome = match said.waiting() {
            Some(outcome) => outcome,
            None => probe::probe(deployment, plan, entry, now).await,
        };
        said.outcome(entry, outcome);
    }
    let (briefs, others): (Vec<&Entry>, Vec<&Entry>) = step
        .writes
        .iter()
        .filter_map(|key| plan.outbox.get(key))
        .partition(|entry| matches!(entry.effect, Effect::WriteBrief { .. } | Effect::KeepPlan { .. }));
    if !briefs.is_empty() {
        let outcome = match said.waiting() {
            Some(outcome) => outcome,
            None => briefs::write(&guard, &deployment.tree, plan, &briefs, now).await,
        };
        guard.check()?;
        briefs.iter().for_each(|entry| said.outcome(entry, outcome.clone()));
    }
    let (deletions, others): (Vec<&Entry>, Vec<&Entry>) =
        others.into_iter().partition(|entry| matches!(entry.effect, Effect::DeleteBranch { .. }));
    for entry in others {
        let outcome = match said.waiting() {
            Some(outcome) => outcome,
            None => write::write(&guard, &deployment.tree, plan, entry, now).await,
        };
        guard.check()?;
        said.outcome(entry, outcome);
    }
    for entries in deletions.chunks(DELETIONS_AT_ONCE) {
        let outcomes = match said.waiting() {
            Some(outcome) => vec![outcome; entries.len()],
            None => write::delete(&guard, entries, now).await,
        };
        guard.check()?;
        entries.iter().zip(outcomes).for_each(|(entry, outcome)| said.outcome(entry, outcome));
    }
    for reads in step.reads.chunks(look::AT_ONCE) {
        let events = match said.until {
            Some(until) => reads.iter().map(|read| vec![read::put_off(read, until)]).collect::<Vec<_>>(),
            None => read::read(deployment, plan, reads, now).await,
        };
        events.into_iter().flatten().for_each(|event| said.read(event));
    }
    Ok(said.events)
}

/// What came of a step's calls so far.
#[derive(Default)]
struct Said {
    events: Vec<Event>,
    /// GitHub asked us to wait.
    until: Option<Timestamp>,
}

impl Said {
    /// The outcome of a call that is not made because GitHub asked us to wait.
    fn waiting(&self) -> Option<Outcome> {
        self.until.map(|until| Outcome::Wait { until })
    }

    fn outcome(&mut self, entry: &Entry, outcome: Outcome) {
        if let Outcome::Wait { until } = &outcome {
            self.until = self.until.max(Some(*until));
        }
        self.events.push(told(&entry.key, entry, outcome));
    }

    fn read(&mut self, event: Event) {
        if let Event::ReadFailed { until: Some(until), .. } = &event {
            self.until = self.until.max(Some(*until));
        }
        self.events.push(event);
    }
}

/// An outcome as an event; what went wrong is logged once, here.
fn told(key: &EffectKey, entry: &Entry, outcome: Outcome) -> Event {
    match &outcome {
        Outcome::Refused { message } => {
            tracing::warn!(effect = %key, tries = entry.tries, message, "GitHub refused an effect");
        }
        Outcome::Lost { message } => {
            let tries = entry.tries;
            tracing::warn!(effect = %key, tries, message, "the answer to an effect was lost; it will be looked for");
        }
        Outcome::Conflict { message } => tracing::info!(effect = %key, message, "the state did not allow an effect"),
        Outcome::Wait { until } => tracing::info!(effect = %key, %until, "an effect has to wait"),
        Outcome::PutOff { until } => {
            tracing::info!(effect = %key, %until, "an effect is put off: too many of its kind")
        }
        Outcome::Done(_) | Outcome::NotSeen => tracing::debug!(effect = %key, "performed"),
    }
    Event::Outcome(key.clone(), Box::new(outcome))
}
