//! Commands that are cut off, and the same command again: it ends well, and nobody has to mend anything.

use libtest_mimic::Trial;

mod halted;
mod killed;
mod shape;

pub(crate) fn trials() -> Vec<Trial> {
    [killed::trials(), halted::trials()].into_iter().flatten().collect()
}
