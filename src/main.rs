//! The program: reads flags, starts logging, calls one function.

fn main() {}
