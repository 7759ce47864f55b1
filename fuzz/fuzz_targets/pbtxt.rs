//! Any bytes as a text TensorFlow graph: refused with diagnostics that can be shown, or imported.
#![no_main]

use bytes::Bytes;
use treville_frontend_tensorflow::{Format, Options, coverage, import};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (bytes, options) = (Bytes::copy_from_slice(bytes), Options::default());
    let _ = coverage(&bytes, Format::Text, &options);
    if let Err(error) = import(&bytes, Format::Text, &options) {
        assert!(!error.diagnostics.is_empty());
        treville_ir::render(&error.diagnostics, &error.listing, false);
    }
});
