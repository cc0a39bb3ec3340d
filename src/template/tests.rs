//! Renders the golden set, and what no input may do.

use std::collections::BTreeMap;

use super::render;

fn rendered(source: &str) -> String {
    let data = BTreeMap::from([("NAME".to_owned(), "seal".to_owned()), ("EMPTY".to_owned(), String::new())]);
    match render("test.tmpl", source, &data) {
        Ok(output) => output,
        Err(problem) => format!("{problem}"),
    }
}

#[test]
fn smoke() {
    assert_eq!(rendered("a {{ .NAME }} {{ .X }} {{ .Env.NAME | upper | quote }}"), "a seal <no value> \"SEAL\"");
}
