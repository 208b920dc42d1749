//! Stories over the whole engine, the loop and the embedded GitHub, and over the program as people run it.

#![expect(clippy::expect_used, reason = "a test that cannot go on ends")]
#![expect(clippy::print_stdout, reason = "tests tell what they saw")]

/// Each story is a test, and all of a file's stories are listed for those who run them together.
macro_rules! stories {
    ($($name:ident),* $(,)?) => {
        /// The stories of this file.
        #[allow(dead_code, reason = "not every file's stories are run together")]
        pub(crate) const STORIES: &[(&str, fn())] = &[$((stringify!($name), $name)),*];

        mod tests {
            $(
                #[test]
                fn $name() {
                    super::$name();
                }
            )*
        }
    };
}

mod actions;
mod again;
mod alone;
mod asked;
mod bad_input;
mod chaos;
mod checkout;
mod crash;
mod demo;
mod doctor;
mod ends;
mod exhaustive;
mod faults;
mod folds;
mod fuzzed;
mod gates;
mod guesses;
mod killed;
mod leaving;
mod lifecycle;
mod local;
mod lost;
mod meetings;
mod moves;
mod newer;
mod paused;
mod people;
mod plan;
mod planned;
mod planner;
mod program;
#[path = "../properties/mod.rs"]
mod properties;
mod pulls;
mod pure;
mod relations;
mod rendered;
mod replicas;
mod said;
mod serve;
mod setup;
mod siblings;
mod simulate;
mod size;
mod story;
mod support;
mod turns;
mod updates;
mod words;
