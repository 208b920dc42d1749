//! How fast one installation may ask GitHub: its own account of the limits, on the caller's clock.
//!
//! Promises: once GitHub has shown that it limits at all, no request leaves that would go over a documented limit, nor
//! any before a moment that GitHub named. What makes content is counted apart, so that only such writes wait when
//! their share is used up; the views of a plan have a share of their own and never take that of words. Pure: time is
//! an argument.

use std::collections::VecDeque;
use std::time::Duration;

use crate::engine::time::Timestamp;
use crate::github::{Error, Request};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
/// One part in so many of the content limits is for views: rewrites of an issue's body.
const VIEW_SHARE: usize = 5;

/// GitHub's secondary limits, which no answer tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Points a minute: 1 for a read, 5 for a write.
    pub points_per_minute: u32,
    /// Writes a minute that make content.
    pub content_per_minute: usize,
    /// Writes an hour that make content.
    pub content_per_hour: usize,
    /// Requests under way at once.
    pub at_once: usize,
}

impl Limits {
    /// As documented (rate limits for the REST API: about secondary rate limits).
    pub const GITHUB: Self =
        Self { points_per_minute: 900, content_per_minute: 80, content_per_hour: 500, at_once: 100 };
    /// A tenth of GitHub's content, so that a short story comes to the limits.
    pub const TIGHT: Self = Self { content_per_minute: 8, content_per_hour: 50, ..Self::GITHUB };
}

/// What a request makes that people see: GitHub limits such writes apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Nothing.
    None,
    /// Issues, comments, pull requests, reactions, relations, pins and their changes.
    Words,
    /// An issue's body written anew; the next such write makes up for one that waits.
    View,
}

/// What a request makes.
pub fn content(request: &Request) -> Content {
    match request {
        Request::UpdateIssue { body: Some(_), .. } | Request::RewriteIssue { .. } => Content::View,
        Request::CreateIssue { .. }
        | Request::UpdateIssue { body: None, .. }
        | Request::CreateComment { .. }
        | Request::DeleteComment { .. }
        | Request::React { .. }
        | Request::Relate { .. }
        | Request::Pin { .. }
        | Request::CreatePullRequest { .. }
        | Request::UpdatePullRequest { .. } => Content::Words,
        Request::Repository
        | Request::Permission { .. }
        | Request::IssuesLabelled { .. }
        | Request::Issue { .. }
        | Request::LabelEvents { .. }
        | Request::BlockedBy { .. }
        | Request::SubIssues { .. }
        | Request::CommentsSince { .. }
        | Request::Comments { .. }
        | Request::BodyEdits { .. }
        | Request::Branch { .. }
        | Request::Branches { .. }
        | Request::Tips { .. }
        | Request::CreateBranch { .. }
        | Request::AdvanceBranch { .. }
        | Request::DeleteBranch { .. }
        | Request::CreateCommit { .. }
        | Request::CommitOnBranch { .. }
        | Request::File { .. }
        | Request::Folder { .. }
        | Request::SetWorkflow { .. }
        | Request::DispatchWorkflow { .. }
        | Request::Runs { .. }
        | Request::Run { .. }
        | Request::CancelRun { .. }
        | Request::RerunFailedJobs { .. }
        | Request::JobLog { .. }
        | Request::PullRequest { .. }
        | Request::PullRequests { .. }
        | Request::PullsAndChecks { .. }
        | Request::MergePullRequest { .. }
        | Request::MergeBranch { .. }
        | Request::Checks { .. } => Content::None,
    }
}

/// The account of one installation; all its repositories share it. A restart begins with an empty one: what GitHub
/// refuses then is heard by [`Pace::wait`].
#[derive(Clone, Debug)]
pub struct Pace {
    limits: Limits,
    /// Whether GitHub has shown that it limits: a forge, or an Enterprise server, may not.
    is_limited: bool,
    wait_until: Option<Timestamp>,
    points: VecDeque<(Timestamp, u32)>,
    words: VecDeque<Timestamp>,
    views: VecDeque<Timestamp>,
}

impl Pace {
    /// An empty account under these limits.
    pub fn new(limits: Limits) -> Self {
        let (points, words, views) = Default::default();
        Self { limits, is_limited: false, wait_until: None, points, words, views }
    }

    /// The same, told at once that GitHub limits.
    pub fn limited(limits: Limits) -> Self {
        Self { is_limited: true, ..Self::new(limits) }
    }

    /// GitHub has shown that it limits this account, and how many requests are left until a moment of our clock.
    pub fn told(&mut self, remaining: u64, reset: Timestamp) {
        self.is_limited = true;
        if remaining == 0 {
            self.wait(reset);
        }
    }

    /// GitHub asked to be left alone until then.
    pub fn wait(&mut self, until: Timestamp) {
        self.is_limited = true;
        self.wait_until = self.wait_until.max(Some(until));
    }

    /// Takes one request's share of content.
    ///
    /// # Errors
    /// [`Error::RateLimited`] while everything waits, [`Error::OverBudget`] where only such writes have to.
    pub fn admit(&mut self, content: Content, now: Timestamp) -> Result<(), Error> {
        self.check(now)?;
        let Limits { content_per_minute, content_per_hour, .. } = self.limits;
        let view = |limit: usize| (limit / VIEW_SHARE).max(1);
        let (made, minute, hour) = match content {
            Content::None => return Ok(()),
            Content::View => (&mut self.views, view(content_per_minute), view(content_per_hour)),
            Content::Words => (
                &mut self.words,
                content_per_minute - view(content_per_minute),
                content_per_hour - view(content_per_hour),
            ),
        };
        // A clock that was set back must not make the past last longer.
        made.iter_mut().for_each(|at| *at = (*at).min(now));
        let frees = |limit: usize, window: Duration| {
            let at = *made.iter().rev().nth(limit.saturating_sub(1))?;
            (now < at + window).then(|| at + window)
        };
        if self.is_limited
            && let Some(until) = frees(hour, HOUR).max(frees(minute, MINUTE))
        {
            return Err(Error::OverBudget { until });
        }
        made.push_back(now);
        if made.len() > hour {
            made.pop_front();
        }
        Ok(())
    }

    /// Takes one exchange's points, at the moment it leaves.
    ///
    /// # Errors
    /// [`Error::RateLimited`] until the minute has room again.
    pub fn charge(&mut self, points: u32, now: Timestamp) -> Result<(), Error> {
        self.check(now)?;
        self.points.iter_mut().for_each(|(at, _)| *at = (*at).min(now));
        while self.points.front().is_some_and(|(at, _)| now >= *at + MINUTE) {
            self.points.pop_front();
        }
        let used: u32 = self.points.iter().map(|(_, points)| points).sum();
        if let Some((oldest, _)) = self.points.front()
            && used.saturating_add(points) > self.limits.points_per_minute
        {
            if self.is_limited {
                return Err(Error::RateLimited { until: *oldest + MINUTE });
            }
            self.points.pop_front();
        }
        self.points.push_back((now, points));
        Ok(())
    }

    /// While GitHub has told us to wait nothing is sent: continuing can cost the App its access.
    fn check(&self, now: Timestamp) -> Result<(), Error> {
        match self.wait_until {
            Some(until) if now < until => Err(Error::RateLimited { until }),
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp(1_800_000_000_000 + seconds * 1000)
    }

    fn over(seconds: i64) -> Result<(), Error> {
        Err(Error::OverBudget { until: at(seconds) })
    }

    #[test]
    fn content_is_counted_by_the_minute_and_the_hour() {
        let mut pace = Pace::limited(Limits { content_per_minute: 5, content_per_hour: 10, ..Limits::GITHUB });
        // Four of five words a minute, eight of ten an hour; one view a minute, two an hour.
        for (second, content, expected) in [
            (0, Content::Words, Ok(())),
            (1, Content::Words, Ok(())),
            (2, Content::Words, Ok(())),
            (3, Content::Words, Ok(())),
            (4, Content::Words, over(60)),
            (4, Content::None, Ok(())),
            (4, Content::View, Ok(())),
            (5, Content::View, over(64)),
            (59, Content::Words, over(60)),
            (60, Content::Words, Ok(())),
            (60, Content::Words, over(61)),
            (63, Content::Words, Ok(())),
            (64, Content::View, Ok(())),
            (64, Content::Words, Ok(())),
            (65, Content::Words, Ok(())),
            (200, Content::Words, over(3_600)),
            (200, Content::View, over(3_604)),
            (3_600, Content::Words, Ok(())),
            (3_600, Content::Words, over(3_601)),
        ] {
            assert_eq!(pace.admit(content, at(second)), expected, "{content:?} after {second} s");
        }
    }

    #[test]
    fn points_are_counted_by_the_minute_and_stop_everything() {
        let mut pace = Pace::limited(Limits { points_per_minute: 12, ..Limits::GITHUB });
        for (second, points, expected) in [
            (0, 5, Ok(())),
            (10, 5, Ok(())),
            (11, 1, Ok(())),
            (12, 5, Err(Error::RateLimited { until: at(60) })),
            (12, 1, Ok(())),
            (13, 1, Err(Error::RateLimited { until: at(60) })),
            (60, 5, Ok(())),
            (60, 1, Err(Error::RateLimited { until: at(70) })),
        ] {
            assert_eq!(pace.charge(points, at(second)), expected, "{points} after {second} s");
        }
    }

    #[test]
    fn a_moment_that_github_named_stops_everything_and_never_comes_nearer() {
        let mut pace = Pace::new(Limits::GITHUB);
        let wait = Err(Error::RateLimited { until: at(90) });
        pace.wait(at(90));
        pace.wait(at(30));
        assert_eq!((pace.charge(1, at(89)), pace.admit(Content::View, at(89))), (wait.clone(), wait));
        assert_eq!((pace.charge(1, at(90)), pace.admit(Content::View, at(90))), (Ok(()), Ok(())));
        pace.told(1, at(3_600));
        assert_eq!(pace.charge(1, at(91)), Ok(()));
        pace.told(0, at(3_600));
        assert_eq!(pace.charge(1, at(92)), Err(Error::RateLimited { until: at(3_600) }));
    }

    #[test]
    fn who_is_not_limited_is_not_held_up_but_counted() {
        let mut pace = Pace::new(Limits::TIGHT);
        for _ in 0..2_000 {
            assert_eq!((pace.admit(Content::Words, at(0)), pace.charge(5, at(0))), (Ok(()), Ok(())));
        }
        assert!(pace.points.len() <= 180 && pace.words.len() <= 50, "what is remembered is bounded");
        pace.told(10, at(3_600));
        assert_eq!(pace.admit(Content::Words, at(1)), over(3_600));
        assert_eq!(pace.charge(5, at(1)), Err(Error::RateLimited { until: at(60) }));
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_lengthen_a_wait() {
        let mut pace = Pace::limited(Limits { content_per_minute: 2, points_per_minute: 5, ..Limits::GITHUB });
        assert_eq!((pace.admit(Content::Words, at(600)), pace.charge(5, at(600))), (Ok(()), Ok(())));
        assert_eq!(pace.admit(Content::Words, at(0)), over(60));
        assert_eq!(pace.charge(5, at(0)), Err(Error::RateLimited { until: at(60) }));
    }
}
