//! Operations of model formats that are compositions of HLIL's.
