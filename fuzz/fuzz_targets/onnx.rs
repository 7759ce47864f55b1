//! Any bytes as an ONNX model: refused with diagnostics that can be shown, or imported.
#![no_main]

use bytes::Bytes;
use treville_frontend_onnx::{Options, coverage, import};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (bytes, options) = (Bytes::copy_from_slice(bytes), Options::default());
    let _ = coverage(bytes.clone(), &options);
    if let Err(error) = import(bytes, &options) {
        assert!(!error.diagnostics.is_empty());
        treville_ir::render(&error.diagnostics, &error.listing, false);
    }
});
