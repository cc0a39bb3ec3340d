//! The page on such an image: its Clusterfile has the Configs that real machines were given, and what `sealift render --explain`
//! says of it is what the page tells.

use std::fs;
use std::path::Path;

use libtest_mimic::Trial;

use super::IN_CONTAINERS;
use crate::operator::Operator;

const PAGE: &str = "docs/labring.md";

/// Between which the page has what the command prints.
const BEGIN: &str = "```yml\n";
const END: &str = "```\n";

pub(super) fn trial() -> Trial {
    Trial::test("labring::the_published_explanation_is_current", || {
        hold_page();
        Ok(())
    })
}

fn hold_page() {
    crate::machines::build_image("labring-layout");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let page = fs::read_to_string(&path).unwrap();
    let [clusterfile, facts] = inputs(&page);
    assert!(clusterfile.ends_with(IN_CONTAINERS), "the page has other Configs than the machines are given");
    let operator = Operator::new();
    let (file, facts) = (operator.file("Clusterfile", clusterfile), operator.file("facts.yaml", facts));
    let [printed, _] = operator.reads(["render", "-f", &file, "--facts", &facts, "--explain"]);
    let (before, after) = page.split_once(BEGIN).unwrap();
    let (_, after) = after.split_once(END).unwrap();
    let current = format!("{before}{BEGIN}{printed}{END}{after}");
    if std::env::var_os("SEALIFT_UPDATE_DOCS").is_some() {
        fs::write(&path, &current).unwrap();
    }
    assert!(
        page == current,
        "run this test with SEALIFT_UPDATE_DOCS=1: {PAGE} is not what is printed now:\n{printed}"
    );
}

/// Returns the page's Clusterfile and its facts.
fn inputs(page: &str) -> [&str; 2] {
    let blocks = page.split("```yaml\n").skip(1).map(|rest| rest.split_once(END).unwrap().0);
    let blocks: Vec<&str> = blocks.collect();
    blocks.try_into().unwrap()
}
