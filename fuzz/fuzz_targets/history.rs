//! Any bytes as frames, chunks and lists of cells of the history. What is done with them is in `store`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| housewire_store::fuzz_history(bytes));
