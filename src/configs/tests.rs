//! Configs on files of every kind, and on whole trees with their templates.

use proptest::prelude::{ProptestConfig, any, prop, prop_assert_eq, prop_oneof, proptest};
use proptest::strategy::Strategy as _;

use super::*;
use crate::model::{Config, Environment, PlacedConfig, Process, Strategy};

fn placed(config: Config) -> PlacedConfig {
    PlacedConfig { place: "Clusterfile:9:9".to_owned(), config }
}

fn merged(path: &str, before: &str, data: &str) -> String {
    apply(&Config::plain(path, Strategy::Merge, data), Some(before)).unwrap().unwrap()
}

fn refusal(path: &str, before: &str, data: &str) -> String {
    apply(&Config::plain(path, Strategy::Merge, data), Some(before)).unwrap_err().message
}

#[test]
fn texts_are_put_before_and_after_and_in_place() {
    for (strategy, before, data, after) in [
        (Strategy::Insert, "old\n", "new", "new\nold\n"),
        (Strategy::Append, "old", "new\n", "old\nnew\n"),
        (Strategy::Append, "", "new", "new"),
        (Strategy::Overwrite, "old\n", "new", "new"),
    ] {
        let made = apply(&Config::plain("etc/x", strategy, data), Some(before)).unwrap();
        assert_eq!(made.as_deref(), Some(after), "{strategy:?}");
    }
    assert_eq!(apply(&Config::plain("etc/x", Strategy::Delete, ""), Some("old")).unwrap(), None);
    assert_eq!(apply(&Config::plain("etc/x", Strategy::Overwrite, "n"), None).unwrap().as_deref(), Some("n"));
}

#[test]
fn fields_are_laid_over_those_of_yaml() {
    let before = "a: 1\nb:\n  c: x\n  d: w\nlist: [1, 2]\nnamed:\n- name: p\n  v: 1\n- name: q\n";
    let data =
        "b: {c: null, e: z}\nlist: [3]\nnamed: [{name: p, v: 2}, {name: r}]\nnew: {gone: null, k: yes}";
    assert_eq!(
        merged("etc/x.yaml", before, data),
        "a: 1\nb:\n  d: w\n  e: z\nlist:\n- 3\nnamed:\n- name: p\n  v: 2\n- name: q\n- name: r\nnew:\n  k: true\n"
    );
}

#[test]
fn data_that_names_an_object_changes_that_one_and_other_data_every_document() {
    let before = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: b}\n";
    let one = merged("m.yaml", before, "apiVersion: v1\nkind: Service\nmetadata: {name: b}\nspec: {x: 1}");
    assert_eq!((one.matches("spec:").count(), one.matches("---").count()), (1, 1));
    assert!(one.ends_with("name: b\nspec:\n  x: 1\n"), "{one}");
    let all = merged("m.yml", before, "metadata: {labels: {x: y}}");
    assert_eq!(all.matches("labels:").count(), 2);
    let none = refusal("m.yaml", before, "apiVersion: v1\nkind: Service\nmetadata: {name: z}");
    assert_eq!(none, "the file has no Service `z` of `v1`");
}

#[test]
fn json_stays_json_and_toml_keeps_its_comments() {
    assert_eq!(
        merged("daemon.json", "{\"a\": 1, \"b\": {\"c\": 2}}", "b: {d: true}"),
        "{\n  \"a\": 1,\n  \"b\": {\n    \"c\": 2,\n    \"d\": true\n  }\n}\n"
    );
    let before = "# containerd\nversion = 2 # the form\n\n[plugins.\"io.cri\"]\nsandbox = \"a\"\nold = 1\n";
    let after = "# containerd\nversion = 3 # the form\n\n[plugins.\"io.cri\"]\nsandbox = \"b\"\n\n[plugins.x.y]\nz = [1, 2]\n";
    let yaml = "version: 3\nplugins:\n  io.cri: {sandbox: b, old: null}\n  x: {y: {z: [1, 2]}}";
    assert_eq!(merged("etc/config.toml", before, yaml), after);
    let toml = "version = 3\n[plugins.\"io.cri\"]\nsandbox = \"b\"\n";
    assert!(merged("etc/config.toml", before, toml).contains("version = 3 # the form"));
}

#[test]
fn what_does_not_fit_is_refused() {
    for (path, before, data, message) in [
        ("a.yaml", "x: {y: 1}", "x: 2", "`x` is a mapping in the file and a single value in the Config"),
        ("a.yaml", "x: 1", "x: [2]", "`x` is a single value in the file and a list in the Config"),
        ("a.toml", "[x]\ny = 1", "x: 2", "`x` is a table in the file and a single value in the Config"),
        ("a.yaml", "x: 1", "- a", "the data to merge is no mapping of fields to values"),
        ("a.yaml", "x: 1", "", "the data to merge is no mapping of fields to values"),
        ("a.yaml", "x: 1", "a: [", "the data to merge is neither YAML nor JSON"),
        ("a.toml", "x = 1", "a: [", "the data to merge is neither TOML, YAML nor JSON"),
        ("a.yaml", "x: [", "y: 1", "the file is not what its name says: it is not valid YAML"),
        ("a.json", "x: 1", "y: 1", "the file is not what its name says: it is no JSON"),
        ("a.toml", "x: 1", "y: 1", "the file is not what its name says: it is no TOML"),
    ] {
        assert_eq!(refusal(path, before, data), message, "{path} {data}");
    }
}

#[test]
fn data_is_processed_before_it_is_used() {
    use Process::{ToBase64, ToJson, ToSecret, Value};
    let process = |steps: &[Process], data: &str, before: Option<&str>| {
        let config = Config { process: steps.to_vec(), ..Config::plain("s.yaml", Strategy::Overwrite, data) };
        apply(&config, before).unwrap().unwrap()
    };
    assert_eq!(process(&[ToBase64], "hi", None), "aGk=");
    assert_eq!(process(&[ToJson], "a: [1, x]\n", None), "{\"a\":[1,\"x\"]}");
    assert_eq!(
        process(&[Value, ToJson, ToBase64], "config:\n  user: root\n", None),
        "config: eyJ1c2VyIjoicm9vdCJ9\n"
    );
    let secret = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: mine\ndata:\n  old: eA==\n";
    let into = process(&[ToSecret], "user: root", Some(secret));
    assert!(
        into.contains("old: eA==\n") && into.contains("user: cm9vdA==\n") && into.contains("name: mine"),
        "{into}"
    );
    let beside = format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: other\n---\n{secret}");
    let into = process(&[ToSecret], "user: root", Some(&beside));
    assert!(into.contains("kind: ConfigMap") && into.contains("user: cm9vdA==\n"), "{into}");
    let new = process(&[Value, ToBase64, ToSecret], "user: root", None);
    assert!(
        new.contains("kind: Secret\n") && new.contains("user: cm9vdA==\n") && new.contains("name: c\n"),
        "{new}"
    );
}

fn tree(files: &[(&str, &str)]) -> Tree {
    files.iter().map(|(path, text)| ((*path).to_owned(), File::Text((*text).to_owned()))).collect()
}

fn environment() -> Environment {
    Environment::from([("PORT".to_owned(), "5000".to_owned())])
}

#[test]
fn a_config_for_what_a_template_makes_is_laid_over_what_is_rendered() {
    let tree = tree(&[("etc/a.yaml.tmpl", "port: {{ .PORT }}\n"), ("etc/b.tmpl", "b"), ("etc/c", "c\n")]);
    let configs = [
        placed(Config::plain("etc/a.yaml", Strategy::Merge, "more: 1")),
        placed(Config::plain("etc/b.tmpl", Strategy::Overwrite, "{{ .PORT }}")),
        placed(Config::plain("etc/c", Strategy::Append, "{{ .PORT }}")),
    ];
    let changes = outcome(&tree, &configs, &environment()).unwrap();
    let told: Vec<_> = changes
        .iter()
        .map(|c| (c.path.as_str(), c.after.as_deref().unwrap(), c.template.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            ("etc/a.yaml", "port: 5000\nmore: 1\n", Some("etc/a.yaml.tmpl")),
            ("etc/b", "5000", Some("etc/b.tmpl")),
            ("etc/b.tmpl", "{{ .PORT }}", None),
            ("etc/c", "c\n{{ .PORT }}", None),
        ]
    );
    foretell(&tree, &configs).unwrap();
}

#[test]
fn everything_that_is_wrong_with_a_tree_is_told_at_once_and_beforehand() {
    let tree = tree(&[
        ("etc/a.tmpl", "{{ if }}"),
        ("etc/b.tmpl", "b"),
        ("etc/b", "b"),
        ("etc/kubelet.yaml", "a: 1"),
        ("opt/tool.tmpl", "x"),
    ]);
    let configs = [
        placed(Config::plain("etc/kublet.yaml", Strategy::Merge, "a: 1")),
        placed(Config::plain("opt/tool", Strategy::Append, "a: 1")),
        placed(Config::plain("etc/kubelet.yaml", Strategy::Merge, "a: {b: 1}")),
    ];
    let problems = foretell(&tree, &configs).unwrap_err();
    let told: Vec<_> = problems.list().iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(
        told,
        [
            "Clusterfile:9:9: etc/kublet.yaml: there is no such file",
            "Clusterfile:9:9: opt/tool: there is no such file",
            "Clusterfile:9:9: etc/kubelet.yaml: `a` is a single value in the file and a mapping in the Config",
            "etc/a.tmpl:1:7: if lacks a value",
            "etc/b.tmpl makes etc/b, and the image has that file as well",
        ]
    );
    assert_eq!(problems.list()[0].remedies, ["did you mean `etc/kubelet.yaml` or `etc/b.tmpl`?"]);
}

#[test]
fn a_file_gives_way_to_its_template_and_what_is_rendered_can_be_taken_away() {
    let tree = tree(&[("etc/a.yml", "of the image"), ("etc/a.yml.tmpl", "{{ .PORT }}"), ("etc/b.tmpl", "b")]);
    let given_way: Vec<_> = giving_way_to_templates(&tree).into_iter().map(Config::placed).collect();
    let changes = outcome(&tree, &given_way, &environment()).unwrap();
    let made: Vec<_> = changes.iter().map(|change| (change.path.as_str(), change.after.as_deref())).collect();
    assert_eq!(made, [("etc/a.yml", Some("5000")), ("etc/b", Some("b"))]);
    let none = [placed(Config::plain("etc/b", Strategy::Delete, ""))];
    let changes = outcome(&tree, &[given_way, none.to_vec()].concat(), &environment()).unwrap();
    assert_eq!(changes[1].after, None);
}

#[test]
fn a_difference_is_told_in_lines_and_not_without_an_end() {
    assert_eq!(
        difference("etc/x", Some("a\nb\n"), Some("a\nc\n")),
        "--- a/etc/x\n+++ b/etc/x\n@@ -1,2 +1,2 @@\n a\n-b\n+c"
    );
    assert!(difference("etc/x", None, Some("a\n")).starts_with("--- /dev/null\n+++ b/etc/x\n"));
    let long = "x\n".repeat(1000);
    assert!(difference("etc/x", None, Some(&long)).ends_with("more lines"));
}

/// Values as files hold them; a mapping in a list has a name, and nothing is `null`.
fn value() -> impl proptest::strategy::Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Into::into),
        (0..9_i64).prop_map(Into::into),
        "[a-c]{1,2}".prop_map(Into::into)
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop::collection::btree_map("[a-d]", inner, 0..4)
            .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn merging_twice_is_merging_once(before in value(), data in value()) {
        let (before, data) = (format!("{{\"top\": {before}}}"), format!("{{\"top\": {data}}}"));
        for path in ["x.json", "x.yaml"] {
            let config = Config::plain(path, Strategy::Merge, &data);
            if let Ok(once) = apply(&config, Some(&before)) {
                prop_assert_eq!(apply(&config, once.as_deref()).unwrap(), once);
            }
        }
    }

    #[test]
    fn no_data_and_no_file_makes_it_panic(before in ".{0,60}", data in ".{0,60}", which in 0..4_usize) {
        let path = ["x.json", "x.yaml", "x.toml", "x"][which];
        for strategy in [Strategy::Merge, Strategy::Insert, Strategy::Append, Strategy::Overwrite, Strategy::Delete] {
            for process in [vec![], vec![Process::Value, Process::ToJson], vec![Process::ToSecret]] {
                let config = Config { process, ..Config::plain(path, strategy, &data) };
                let _ = (check(&config), apply(&config, Some(&before)), apply(&config, None));
            }
        }
    }
}

#[test]
fn what_is_merged_into_a_file_of_comments_is_not_lost() {
    let config = Config::plain("s.yaml", Strategy::Merge, "a: 1\n");
    assert_eq!(apply(&config, Some("# nothing yet\n")).unwrap().unwrap(), "a: 1\n");
}
