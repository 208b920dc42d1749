//! A run's page: its jobs, their steps and the end of their logs.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use maud::{Markup, html};

use crate::engine::id::RunId;
use crate::engine::snapshot::Progress;
use crate::forge::http::hub::Hub;
use crate::forge::pages::guard::Visitor;
use crate::forge::pages::issues::meant_for;
use crate::forge::pages::layout::{Frame, Section, moment, notice, page, progress};
use crate::forge::world::state::JobEntry;

/// `/actions/runs/{run}`
pub(crate) async fn show(State(hub): State<Arc<Hub>>, Path(run): Path<u64>, _visitor: Visitor) -> Response {
    let content = hub.look(|world| {
        let run = world.run(RunId(run))?;
        let content = html! {
            h1 { "Run " (run.number) @if run.attempt > 1 { span.quiet { " attempt " (run.attempt) } } }
            p { (meant_for(&hub.place, world, &run.title)) code { (run.title) } }
            p.quiet {
                (progress(run.progress, run.conclusion)) " " (run.workflow) " on " (run.branch) ", asked for by "
                (run.actor.login) ", " (moment(run.created_at))
            }
            @for (name, artifact) in &run.artifacts {
                p.quiet { "Artifact " code { (name) } ", " (artifact.bytes) " bytes" }
            }
            @for entry in world.jobs_of(run.id) { (job(entry)) }
        };
        Some((run.title.clone(), run.progress != Progress::Completed, content))
    });
    match content {
        Some((title, follows, content)) => {
            page(&hub.place, Frame { title: &title, section: Section::Runs, follows }, content)
        }
        None => notice(&hub.place, StatusCode::NOT_FOUND, "There is no such run. The list of runs shows them all."),
    }
}

fn job(entry: &JobEntry) -> Markup {
    let job = &entry.job;
    html! {
        article.post id={ "job-" (job.id) } {
            div.by { b { (job.name) } " " (progress(job.progress, job.conclusion)) }
            div.markdown {
                ul.steps {
                    @for step in &job.steps { li { (progress(step.progress, step.conclusion)) " " (step.name) } }
                }
                @if !entry.log.is_empty() { details { summary { "End of the log" } pre.log { (entry.log) } } }
            }
        }
    }
}
