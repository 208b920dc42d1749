//! Which of the files that planner runs name are there.

use crate::engine::event::{Fact, PlannedFiles, PlannedFilesSeen};
use crate::git::Git;
use crate::github::Error;
use crate::perform::{Deployment, footprints};

/// Looks in the tree of the commit that each run read. Without git in reach nothing is concluded: it is asked again.
pub(super) async fn files<G, M: Git, S>(
    deployment: &Deployment<G, M, S>,
    asked: &[PlannedFiles],
) -> Result<Fact, Error> {
    let mut seen = Vec::with_capacity(asked.len());
    for PlannedFiles { attempt, base, files } in asked {
        let index = footprints::listed(deployment, base).await;
        let index = index.map_err(|error| Error::Unreachable { message: error.to_string() })?;
        let present = files.iter().filter(|path| index.contains(path)).cloned().collect();
        seen.push(PlannedFilesSeen { attempt: *attempt, present, total: index.paths().len() });
    }
    Ok(Fact::PlannedFiles(seen))
}
