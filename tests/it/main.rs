//! Stories over the whole engine, the loop and the embedded GitHub.

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

mod crash;
mod ends;
mod faults;
mod gates;
mod leaving;
mod lifecycle;
mod moves;
mod people;
mod pulls;
mod pure;
mod rendered;
mod size;
mod support;
mod turns;
mod words;
