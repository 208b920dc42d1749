//! Whether this machine's clock goes as GitHub's does.

use crate::doctor::checks::Check;
use crate::doctor::finding::Finding;
use crate::doctor::readings::Readings;

/// What is neither noticed nor harmful, in seconds.
const UNNOTICED: i64 = 20;
/// How far ahead of GitHub a clock may be before the App's own tokens begin in its future or end too late, in seconds:
/// they are dated back by as much.
const AHEAD_MAX: i64 = 60;
/// How far behind GitHub a clock may be before they are over when they arrive, in seconds.
const BEHIND_MAX: i64 = 9 * 60;

pub(super) const CHECK: Check = Check { id: "clock", title: "Clock", judge };

fn judge(readings: &Readings) -> Finding {
    let Some(github_ahead) = readings.ahead_seconds else {
        return Finding::unknown("GitHub has not said what time it is", "see that GitHub can be reached from here");
    };
    let (ours, word) =
        if github_ahead > 0 { (github_ahead, "behind") } else { (github_ahead.saturating_neg(), "ahead of") };
    let found = format!("this machine's clock is {ours} seconds {word} GitHub's");
    let remedy = "set the clock, and let it be kept right (NTP)";
    if github_ahead <= -AHEAD_MAX || github_ahead >= BEHIND_MAX {
        return Finding::failed(format!("{found}: the App's tokens are refused"), remedy);
    }
    if ours > UNNOTICED {
        return Finding::warning(found, remedy);
    }
    Finding::ok("as GitHub's")
}
