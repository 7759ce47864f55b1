//! What crosses crates: the ladder from TensorFlow's answers to party processes, and everything that can go wrong.
//!
//! One binary, because each test binary links the whole driver. A test that needs a built package does all that is to
//! be done with it, so that a run of the tests builds three packages and no more.

mod cost;
mod failures;
mod formats;
mod garbage;
mod growth;
mod kills;
mod ladder;
mod onnx;
mod opt;
mod package;
mod parties;
mod ranges;
mod reference;
mod scale_downs;
mod support;
mod trace;
mod twins;
mod unet;
mod wrong_answers;
