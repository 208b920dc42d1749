//! Whether enough of the hour's requests is left.

use crate::doctor::checks::{Check, unread};
use crate::doctor::finding::Finding;
use crate::doctor::readings::Readings;
use crate::engine::time::Timestamp;

/// Less than one part in so many is little.
const LITTLE: u64 = 10;

pub(super) const CHECK: Check = Check { id: "rate", title: "Rate budget", judge };

fn judge(readings: &Readings) -> Finding {
    let quota = match &readings.quota {
        Ok(Some(quota)) => quota,
        Ok(None) => return Finding::ok("no limit"),
        Err(why) => return unread(why),
    };
    let until = Timestamp(quota.reset.saturating_mul(1_000)).seconds_text();
    let found = format!("{} of {} requests are left until {until}", quota.remaining, quota.limit);
    let remedy = "see who else asks with this token; lengthen `heartbeat` where there are many repositories";
    if quota.remaining == 0 {
        return Finding::failed(found, remedy);
    }
    if quota.remaining < quota.limit / LITTLE {
        return Finding::warning(found, remedy);
    }
    Finding::ok(found)
}
