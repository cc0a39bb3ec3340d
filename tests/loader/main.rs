//! Whatever bytes the loader of Clusterfiles is given: it ends, in bounded memory, and says where something is wrong.
//!
//! A program of its own, since the bounds are the whole process'.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bounds;
mod corpus;
mod mutation;
mod promises;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use bounds::Bounds;
use corpus::Corpus;
use mutation::{mutated, mutation};

/// Mutates real files and holds the loader to its promises; what fails is made as small as it can be.
fn hold(cases: u32) {
    let bounds = Bounds::new();
    let corpus = Corpus::read();
    let config = Config { cases, max_shrink_iters: 4_000, failure_persistence: None, ..Config::default() };
    let input = (0..corpus.files.len(), proptest::collection::vec(mutation(), 0..12));
    TestRunner::new(config)
        .run(&input, |(file, mutations)| {
            let text = mutated(&corpus, file, &mutations);
            bounds.within(text, promises::hold).map_err(TestCaseError::fail)
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn mutated_files_are_read_or_told_where_they_are_wrong() {
    hold(600);
}

mod part_fuzz {
    #[test]
    #[ignore = "PART=fuzz"]
    fn mutated_files_for_a_long_time() {
        super::hold(150_000);
    }
}
