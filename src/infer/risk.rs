//! How likely two issues meet in a file, over rankings with fractions: the rule itself is the engine's
//! ([`crate::engine::overlap::risk`]), which counts in thousandths.

use crate::engine::footprint::{RankedFile, SHARE_MAX};
use crate::engine::overlap::risk;
use crate::infer::rank::Ranked;

/// From here two issues *likely* meet; see `docs/overlap.md` for what that is worth.
pub const LIKELY: f64 = fraction(risk::LIKELY);
/// From here two issues *possibly* meet.
pub const POSSIBLE: f64 = fraction(risk::POSSIBLE);

/// The risk of two rankings.
pub fn of(first: &[Ranked], second: &[Ranked]) -> f64 {
    let [first, second] = [first, second].map(|files| files.iter().map(bare).collect::<Vec<RankedFile>>());
    fraction(risk::of(&first, &second).0) / f64::from(SHARE_MAX)
}

/// The risk of a ranking against files that are really changed: the greatest share in them of its files that are
/// judged; nothing where that is below [`POSSIBLE`].
pub fn judged(ranking: &[Ranked], real: &[String]) -> f64 {
    let files: Vec<RankedFile> = ranking.iter().map(bare).collect();
    let met = risk::judged(&files).filter(|file| real.contains(&file.path));
    met.map(|file| fraction(file.share)).fold(0.0, f64::max)
}

/// A file of a ranking as the engine takes it, without evidence.
fn bare(file: &Ranked) -> RankedFile {
    RankedFile { path: file.path.clone(), share: file.thousandths(), evidence: String::new() }
}

const fn fraction(thousandths: u32) -> f64 {
    thousandths as f64 / SHARE_MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::rank::share;

    fn ranking(paths: &[&str]) -> Vec<Ranked> {
        let files = paths.iter().enumerate();
        files.map(|(at, path)| Ranked { path: (*path).to_owned(), score: 1.0, share: share(1.0, at + 1) }).collect()
    }

    #[test]
    fn fractions_and_thousandths_say_the_same() {
        let [ab, ba, c] = [ranking(&["a", "b"]), ranking(&["b", "a"]), ranking(&["c"])];
        assert_eq!((LIKELY, POSSIBLE), (0.6, 0.2));
        assert!((of(&ab, &ba) - 2.0 * share(1.0, 2)).abs() < 0.001);
        assert_eq!((of(&ab, &c), of(&ab, &ranking(&["a"]))), (0.0, 1.0));
        let real = |path: &str| vec!["x".to_owned(), path.to_owned()];
        assert_eq!(judged(&ab, &real("a")), 1.0);
        assert!((judged(&ab, &real("b")) - share(1.0, 2)).abs() < 0.001);
        assert_eq!(judged(&ab, &real("c")), 0.0);
        let sixth = ranking(&["a", "b", "c", "d", "e", "f"]);
        assert_eq!(judged(&sixth, &real("f")), 0.0, "only the first five are judged");
    }
}
