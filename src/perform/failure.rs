//! What a failed call means for an effect.

use std::time::Duration;

use crate::engine::effect::Outcome;
use crate::engine::time::Timestamp;
use crate::github::Error;

/// Wait before credentials that were refused are tried again: somebody may be changing them.
const CREDENTIALS_WAIT: Duration = Duration::from_secs(60);

/// The outcome of an effect whose call failed.
pub(super) fn outcome(error: Error, now: Timestamp) -> Outcome {
    match error {
        Error::RateLimited { until } => Outcome::Wait { until },
        Error::OverBudget { until } => Outcome::PutOff { until },
        Error::Unauthorized { .. } => Outcome::Wait { until: now + CREDENTIALS_WAIT },
        Error::Unreachable { message } | Error::Unexpected { message } => Outcome::Lost { message },
        Error::Conflict { message } => Outcome::Conflict { message },
        Error::Missing { .. } | Error::Denied { .. } | Error::Invalid { .. } => {
            Outcome::Refused { message: error.to_string() }
        }
    }
}

/// The outcome of a look that failed: nothing is known yet. Where GitHub asked us to wait, everything else waits too.
pub(super) fn unseen(error: Error) -> Outcome {
    if let Error::RateLimited { until } = error {
        return Outcome::Wait { until };
    }
    Outcome::Lost { message: format!("it could not be looked for: {error}") }
}
