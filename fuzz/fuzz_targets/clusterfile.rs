//! The loader of Clusterfiles, on inputs that the compiler's notes on coverage lead to. It is held to the same promises as in
//! `tests/loader`; memory and time are the fuzzer's to bound.
#![no_main]

#[path = "../../tests/loader/promises.rs"]
mod promises;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    if let Err(broken) = promises::hold(text) {
        panic!("{broken}");
    }
});
