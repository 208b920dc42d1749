//! Fuzzes the tracking issue, rendered and read back: the property stands in `tests/properties`.

#![no_main]

#[allow(dead_code, unused_imports, reason = "each target asks for one property")]
#[path = "../../tests/properties/mod.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|data: &[u8]| properties::tracking(data));
