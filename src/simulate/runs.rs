//! Runs: when they start, what their agents do, and how they go wrong.

use std::time::Duration;

use crate::engine::brief::{Brief, Mode};
use crate::engine::id::{AttemptId, AttemptKey, RunId};
use crate::engine::record::{RECORD_FILE, Record};
use crate::engine::report::{Cause, Report, ReportOutcome};
use crate::engine::snapshot::{Conclusion, Progress};
use crate::forge::memory::edit::Edit;
use crate::forge::memory::worker::Work;
use crate::forge::world::request::{Request, RunnerAct};
use crate::simulate::agenda::Happening;
use crate::simulate::drive::Simulation;
use crate::simulate::fault::FaultKind;
use crate::simulate::oracle::Closing;
use crate::simulate::planted::Planted;
use crate::simulate::random::Random;

const MINUTE: u64 = 60;

impl Simulation {
    /// Draws the fate of runs that are new, and lets those go that were asked to end.
    pub(super) fn notice_runs(&mut self) {
        let last = self.last_run;
        let new: Vec<RunId> =
            self.forge.look(|world, _| world.runs().rev().map(|run| run.id).take_while(|run| *run > last).collect());
        for run in new.into_iter().rev() {
            self.last_run = run;
            self.alive.insert(run);
            self.draw_fate(run);
        }
        let asked: Vec<RunId> = self.forge.look(|world, _| {
            let asked = |run: &&RunId| world.run(**run).is_some_and(|entry| entry.cancel.is_some());
            self.alive.iter().filter(asked).copied().collect()
        });
        for run in asked {
            self.alive.remove(&run);
            if !self.stubborn.contains(&run) {
                let delay = self.chance.between(2, 40);
                self.later(delay, Happening::Lose(run, Conclusion::Cancelled));
            }
        }
    }

    fn draw_fate(&mut self, run: RunId) {
        if self.scenario.scripted {
            return self.script(run);
        }
        let start = self.chance.between(2, 45);
        if self.meets(FaultKind::RunDropped) {
            return self.later(start, Happening::Lose(run, Conclusion::Cancelled));
        }
        if self.meets(FaultKind::Ghost) {
            self.stubborn.insert(run);
            self.desk.locked().ghosts.insert(run);
            if self.chance.chance(400) {
                return;
            }
            let wakes = self.chance.between(10 * MINUTE, 60 * MINUTE);
            self.later(wakes, Happening::Claim(run));
            let work = self.draw_work();
            return self.later(wakes + 4 * MINUTE, Happening::Finish(run, work));
        }
        if self.meets(FaultKind::RunFails) {
            let conclusion = *self.chance.pick(&[
                Conclusion::Failure,
                Conclusion::Cancelled,
                Conclusion::TimedOut,
                Conclusion::StartupFailure,
            ]);
            if self.chance.chance(600) {
                self.later(start, Happening::Claim(run));
            }
            let lost = start + self.chance.between(1, 5 * MINUTE);
            return self.later(lost, Happening::Lose(run, conclusion));
        }
        self.later(start, Happening::Claim(run));
        if self.meets(FaultKind::Zombie) {
            let lost = start + self.chance.between(1, 3 * MINUTE);
            self.later(lost, Happening::Lose(run, Conclusion::Failure));
            let work = self.draw_work();
            let late = lost + self.chance.between(0, 30 * MINUTE);
            return self.later(late, Happening::PublishLate(run, work));
        }
        let mut length = self.chance.between(20, 6 * MINUTE);
        if self.meets(FaultKind::RunStalls) {
            length = self.chance.between(15 * MINUTE, 70 * MINUTE);
            if self.chance.chance(500) {
                self.stubborn.insert(run);
            }
        } else if self.chance.chance(300) {
            self.later(start + length / 2, Happening::Step(run));
        }
        let work = self.draw_work();
        self.later(start + length, Happening::Finish(run, work));
    }

    /// What the story's script says to a run: by its task's number and what went wrong before.
    fn script(&mut self, run: RunId) {
        let brief = self.forge.brief(run).ok();
        if self.follows_script(run, brief.as_ref()) {
            return;
        }
        if let Some(brief) = brief.as_ref().filter(|brief| brief.mode == Mode::Plan) {
            let work = Box::new(self.scripted_answer(brief));
            self.later(5, Happening::Claim(run));
            return self.later(65, Happening::Finish(run, work));
        }
        let first = brief.as_ref().is_none_or(|brief| brief.key.id.n == 1);
        let failed = brief.as_ref().is_some_and(|brief| !brief.previous_errors.is_empty());
        let work = match brief.map(|brief| brief.issue.0) {
            Some(3) if !failed => Work::Failed("not yet".to_owned()),
            Some(6) => Work::NoChange("so".to_owned()),
            Some(8) if first => Work::Infra("no endpoint".to_owned()),
            _ => Work::Changed(Vec::new()),
        };
        self.later(5, Happening::Claim(run));
        self.later(65, Happening::Finish(run, Box::new(work)));
    }

    /// What an agent will say; which files it touches is told by its brief.
    fn draw_work(&mut self) -> Box<Work> {
        if self.meets(FaultKind::AgentFails) {
            let failed = |cause: Cause| {
                let mut report = Report::ended(ReportOutcome::Failed, "it did not go");
                report.cause = Some(cause);
                Work::Reported(Box::new(report))
            };
            return Box::new(match self.chance.below(9) {
                0..=2 => Work::Failed("it cannot be done so".to_owned()),
                3 => Work::NoChange("it is so already".to_owned()),
                4 => Work::NeedsDecision("red or blue?".to_owned()),
                5 => Work::Infra("the endpoint does not answer".to_owned()),
                6 => Work::Refused(Vec::new(), vec!["`.github/workflows/x.yml` is protected".to_owned()]),
                7 => failed(Cause::Stalled),
                _ => failed(Cause::Validation),
            });
        }
        Box::new(if self.chance.chance(40) { Work::NoChange("so".to_owned()) } else { Work::Changed(Vec::new()) })
    }

    /// A run finds a runner.
    pub(super) fn claim(&mut self, run: RunId) {
        let Some(id) = self.attempt_of(run) else { return };
        if self.planted == Some(Planted::ClaimIgnored) {
            // Whoever comes later takes the record over.
            drop(self.forge.delete_branch("owner", &id.record_branch()));
        }
        let claimed = self.forge.claim(run);
        if claimed == Ok(true) {
            self.desk.locked().oracle.claims(id, run);
        }
        self.note(|| format!("run {run} claims {id}: {claimed:?}"));
    }

    /// A run shows progress.
    pub(super) fn step(&mut self, run: RunId) {
        let agent = self.forge.look(|world, _| {
            let working = |entry: &&crate::forge::world::state::JobEntry| entry.job.progress == Progress::InProgress;
            world.jobs_of(run).find(working).map(|entry| entry.job.id)
        });
        if let Some(job) = agent {
            let step = RunnerAct::StepStarted { job, name: "work".to_owned() };
            self.done(self.forge.apply(Request::Runner(step)).is_ok());
        }
    }

    /// A run's work is done, if it ever claimed.
    pub(super) fn finish(&mut self, run: RunId, work: Work) {
        let Some(id) = self.attempt_of(run) else { return };
        let is_its = self.desk.locked().oracle.truth.attempts.get(&id).is_some_and(|a| a.claimed_by == Some(run));
        let over = self.forge.look(|world, _| world.run(run).is_none_or(|entry| entry.progress == Progress::Completed));
        if is_its && !over {
            let work = self.with_files(run, work);
            let finished = self.forge.finish_run(run, work.clone());
            self.note(|| format!("run {run} finishes {id} with {work:?}: {finished:?}"));
            self.note_record(id);
        }
        self.alive.remove(&run);
    }

    /// GitHub ends a run.
    pub(super) fn lose(&mut self, run: RunId, conclusion: Conclusion) {
        let ended = self.forge.apply(Request::Runner(RunnerAct::RunEnded { run, conclusion }));
        self.note(|| format!("run {run} ends as {conclusion}: {}", ended.is_ok()));
        self.alive.remove(&run);
    }

    /// A run that GitHub gave up publishes all the same.
    pub(super) fn publish_late(&mut self, run: RunId, work: Work) {
        let Some(id) = self.attempt_of(run) else { return };
        let is_its = self.desk.locked().oracle.truth.attempts.get(&id).is_some_and(|a| a.claimed_by == Some(run));
        if is_its {
            let work = self.with_files(run, work);
            let published = self.forge.publish_late(run, work);
            self.note(|| format!("run {run}, given up, publishes {id}: {published:?}"));
            self.note_record(id);
        }
    }

    /// Tells the judge of a result.
    fn note_record(&self, id: AttemptId) {
        let record = self.forge.look(|_, repository| {
            repository.file(&id.record_branch(), RECORD_FILE).and_then(|bytes| Record::parse(bytes).ok())
        });
        if let Some(result) = record.and_then(|record| record.result) {
            let closing = Closing::Result {
                outcome: result.report.outcome,
                commit: result.commit,
                files: result.files,
                refused: !result.refused.is_empty(),
            };
            self.desk.locked().oracle.truth.closed(id, closing);
        }
    }

    fn attempt_of(&self, run: RunId) -> Option<AttemptId> {
        let key = self.forge.look(|world, _| world.run(run)?.inputs.get("key").cloned())?;
        AttemptKey::parse(&key).map(|key| key.id)
    }

    /// Work that changes something changes what its brief names, and now and then more.
    fn with_files(&mut self, run: RunId, work: Work) -> Work {
        let Ok(brief) = self.forge.brief(run) else { return work };
        if brief.mode == Mode::Plan && !self.scenario.scripted {
            return self.planned(&brief, work);
        }
        let outside = self.meets(FaultKind::OutsideScope);
        let edits = edits(&mut self.chance, &brief, outside);
        match work {
            Work::Changed(_) => Work::Changed(edits),
            Work::Refused(_, why) => Work::Refused(edits, why),
            other => other,
        }
    }

    pub(super) fn later(&mut self, seconds: u64, happening: Happening) {
        self.agenda.at(self.now + Duration::from_secs(seconds), happening);
    }
}

fn edits(random: &mut Random, brief: &Brief, outside: bool) -> Vec<Edit> {
    let line = format!("{} by attempt {}\n", brief.issue, brief.key.id.n);
    let concrete = |path: &String| if path.ends_with('/') { format!("{path}new.rs") } else { path.clone() };
    let mut paths: Vec<String> = brief.files.iter().filter(|path| !path.contains("..")).map(concrete).collect();
    if paths.is_empty() {
        paths.push((*random.pick(&["src/a.rs", "src/b.rs", "f.txt", "new.txt"])).to_owned());
    }
    if outside {
        paths.push((*random.pick(&["src/c.rs", "docs/d.md", "g.txt", "extra.txt"])).to_owned());
    }
    paths.iter().map(|path| Edit::append(path, &line)).collect()
}
