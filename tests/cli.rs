//! The command line as a person or a program meets it: help, exit codes, and what is said of bad input.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use sealift::error::Class;
use serde_json::Value;
use tempfile::TempDir;

/// A home of sealift's own, gone with the test.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A home whose store has the application image `hello:v1`.
    fn with_image() -> Self {
        let home = Self::new();
        let context = home.context("FROM scratch\nCOPY Kubefile manifests/\nCMD [\"true\"]\n");
        let built = home.run(&["build", "-t", "hello:v1", &context]);
        assert_eq!(built.code, 0, "{}", built.errors);
        home
    }

    /// Writes a directory with this Kubefile and returns its path.
    fn context(&self, kubefile: &str) -> String {
        let context = self.0.path().join("context");
        fs::create_dir_all(&context).unwrap();
        fs::write(context.join("Kubefile"), kubefile).unwrap();
        context.to_str().unwrap().to_owned()
    }

    /// Returns the program with no surroundings but this home.
    fn sealift(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sealift"));
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("HOME", self.0.path()).env("SEALIFT_HOME", self.0.path().join("sealift"));
        command
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        self.sealift().args(arguments).output().unwrap().into()
    }
}

/// How the program ended and what it said.
struct Ended {
    code: i32,
    output: String,
    errors: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            output: String::from_utf8(output.stdout).unwrap(),
            errors: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Returns the exit code that a class promises.
fn code(class: Class) -> i32 {
    class.exit_code().into()
}

#[test]
fn the_version_has_the_commit() {
    let version = Home::new().run(&["--version"]);
    let commit = version.output.trim().split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap();
    let is_commit = commit.len() >= 7 && commit.chars().all(|c| c.is_ascii_hexdigit());
    assert!(is_commit || commit == "unknown", "{}", version.output);
    assert!(version.output.starts_with(concat!("sealift ", env!("CARGO_PKG_VERSION"), " (")));
}

#[test]
fn completions_know_commands_and_flags() {
    for shell in ["bash", "zsh", "fish"] {
        let completion = Home::new().run(&["completion", shell]);
        assert_eq!(completion.code, 0, "{shell}: {}", completion.errors);
        for word in ["delete", "password-file"] {
            assert!(completion.output.contains(word), "{shell} is not told of {word}");
        }
    }
}

#[test]
fn an_unknown_image_is_told_with_what_it_may_have_been() {
    let ended = Home::with_image().run(&["run", "helo:v1", "--masters", "10.0.0.1", "--yes"]);
    assert_eq!(ended.code, code(Class::Config));
    insta::assert_snapshot!(ended.errors, @"
    error: there is no image `helo:v1` in the store

    hint: did you mean `hello:v1`?

    hint: build it with `sealift build -t helo:v1 DIR` or load it with `sealift load`

    hint: see what is there with `sealift images`
    ");
}

#[test]
fn machines_that_make_no_sense_are_told_before_anything_is_touched() {
    let home = Home::with_image();
    let launch = |lists: &[&str]| {
        let ended = home.run(&[&["run", "hello:v1", "--yes"], lists].concat());
        assert_eq!(ended.code, code(Class::Usage), "{lists:?}: {}", ended.errors);
        ended.errors
    };
    insta::assert_snapshot!(launch(&["--masters", "10.0.0.1", "--nodes", "10.0.0.1"]), @"
    error: it is in both lists, of control planes and of workers
      machine  10.0.0.1

    hint: name every machine once
    ");
    insta::assert_snapshot!(launch(&["--masters", "10.0.0.9-10.0.0.1"]), @"
    error: `10.0.0.9-10.0.0.1` is not a range of hosts: its end comes before its beginning

    hint: write a range as 10.0.0.1-10.0.0.9, a port after it as 10.0.0.1-10.0.0.9:2222
    ");
    insta::assert_snapshot!(launch(&["--nodes", "10.0.0.1"]), @"
    error: a cluster needs a control plane

    hint: name one: --masters 10.0.0.1
    ");
    insta::assert_snapshot!(launch(&["--masters", "3"]), @"
    error: a number of machines needs a provider that makes them

    hint: name the machines, or add --provider container
    ");
    assert!(!home.0.path().join("sealift/clusters").exists(), "a cluster was written down");
}

#[test]
fn all_bad_hosts_are_told_at_once() {
    let ended = Home::with_image().run(&[
        "run",
        "hello:v1",
        "--yes",
        "--masters",
        "10.0.0.1,10.0.0.2",
        "--nodes",
        "10.0.0.2,10.0.0.1",
    ]);
    assert_eq!(ended.code, code(Class::Usage), "{}", ended.errors);
    for machine in ["10.0.0.1", "10.0.0.2"] {
        assert!(ended.errors.contains(machine), "{machine} is missing in:\n{}", ended.errors);
    }
}

#[test]
fn a_kubefile_is_wrong_at_a_file_line_and_column() {
    let home = Home::new();
    let context = home.context("FROM scratch\nLABEL a=b\n  FROBNICATE x\n");
    let ended = home.run(&["build", "-t", "a:b", &context]);
    assert_eq!(ended.code, code(Class::Config));
    let problem = &ended.errors[ended.errors.find("error: ").unwrap()..];
    insta::assert_snapshot!(problem.replace(&context, "CONTEXT"), @"
    error: CONTEXT/Kubefile:3:3: there is no instruction `FROBNICATE`
      seen     3 |   FROBNICATE x
                 |   ^

    hint: the instructions are FROM, ARG, ENV, LABEL, COPY, ENTRYPOINT, CMD
    ");
    assert_eq!(home.run(&["-o", "json", "images"]).output.trim(), "[]", "an image came of it");
}

#[test]
fn problems_are_json_for_programs() {
    let ended = Home::with_image().run(&["-o", "json", "run", "helo:v1", "--masters", "10.0.0.1", "--yes"]);
    assert_eq!(ended.code, code(Class::Config));
    let events: Vec<Value> = ended.output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told = events.iter().find(|event| event["event"] == "problems").unwrap();
    assert_eq!(told["problems"][0]["class"], "config");
    assert_eq!(told["problems"][0]["remedies"][0], "did you mean `hello:v1`?");
}

#[test]
fn a_clusterfile_is_told_by_its_name_and_all_that_is_wrong_with_it_at_once() {
    let home = Home::with_image();
    let file = home.0.path().join("Clusterfile");
    let named = file.to_str().unwrap();
    for command in ["plan", "apply", "delete", "reset"] {
        let ended = home.run(&[command, "-f", named]);
        assert_eq!(ended.code, code(Class::Config), "{command}: {}", ended.errors);
        assert!(ended.errors.contains(&format!("cannot read {named}")), "{command}: {}", ended.errors);
    }
    fs::write(
        &file,
        "apiVersion: sealift.io/v1\nkind: Cluster\nmetadata: {name: a}\nspec: {image: x, hosts: 1}\n",
    )
    .unwrap();
    let from_file = home.run(&["plan", "-f", named]);
    let mut command = home.sealift();
    let from_input: Ended =
        command.args(["plan", "-f", "-"]).write_stdin(fs::read(&file).unwrap()).output().unwrap().into();
    for (name, ended) in [(named, from_file), ("-", from_input)] {
        assert_eq!(ended.code, code(Class::Config), "{}", ended.errors);
        assert!(ended.errors.contains(&format!("{name}:4:")), "no place is told: {}", ended.errors);
        for field in ["image", "hosts"] {
            assert!(ended.errors.contains(field), "{field} is missing in:\n{}", ended.errors);
        }
    }
    assert!(!home.0.path().join("sealift/clusters").exists(), "a cluster was written down");
}

#[test]
fn documents_are_json_for_programs() {
    let home = Home::with_image();
    let images: Value = serde_json::from_str(&home.run(&["-o", "json", "images"]).output).unwrap();
    assert_eq!(images.as_array().map(Vec::len), Some(1), "{images}");
    let image: Value =
        serde_json::from_str(&home.run(&["inspect", "-o", "json", "hello:v1"]).output).unwrap();
    assert!(image.is_object(), "{image}");
}

#[test]
fn colour_is_for_those_who_want_it() {
    let home = Home::new();
    let said = |variables: &[(&str, &str)]| {
        let mut command = home.sealift();
        command.envs(variables.iter().copied()).args(["inspect", "nothing:v1"]);
        Ended::from(command.output().unwrap()).errors
    };
    let has_colour = |text: &str| text.contains('\u{1b}');
    assert!(!has_colour(&said(&[])), "colour in a file");
    assert!(has_colour(&said(&[("CLICOLOR_FORCE", "1")])));
    assert!(!has_colour(&said(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")])), "NO_COLOR has the last word");
}

#[test]
fn what_is_not_understood_has_the_code_of_usage() {
    let home = Home::new();
    for arguments in [
        &["frobnicate"][..],
        &["run"],
        &["run", "a:b", "--masters"],
        &["run", "a:b", "--masters", "10.0.0.1", "--env", "NOVALUE"],
        &["run", "a:b", "--masters", "10.0.0.1", "--name", "../x"],
        &["apply", "-f", "-", "-f", "-"],
        &["apply", "--plan", "plan.json", "-f", "Clusterfile"],
        &["apply", "--set", "spec.network.vip"],
        &["plan", "-e", "NOVALUE"],
        &["scale", "up"],
        &["scale", "sideways", "--nodes", "10.0.0.1"],
        &["scale", "down", "--nodes", "10.0.0.9-10.0.0.1"],
        &["add", "--nodes", ","],
        &["join"],
        &["replace", "10.0.0.1"],
        &["delete", "--nodes", "1"],
        &["delete", "--nodes", "10.0.0.1", "-f", "Clusterfile"],
        &["reset", "--name", "a", "-f", "Clusterfile"],
        &["images", "--quiet", "--verbose"],
        &["build", "-t", "a:b", "--platform", "linux/mips", "."],
    ] {
        let ended = home.run(arguments);
        assert_eq!(ended.code, code(Class::Usage), "{arguments:?}: {}", ended.errors);
        assert!(ended.errors.contains("error:"), "{arguments:?}: {}", ended.errors);
        assert_eq!(ended.output, "", "{arguments:?}: problems are no output");
    }
}

#[test]
fn a_cluster_that_is_not_known_is_neither_changed_nor_removed() {
    for command in [
        &["delete", "--yes"][..],
        &["reset", "--yes"],
        &["scale", "up", "--nodes", "10.0.0.1", "--yes"],
        &["scale", "down", "--nodes", "10.0.0.1", "--yes"],
        &["delete", "--nodes", "10.0.0.1", "--yes"],
        &["replace", "10.0.0.1=10.0.0.2", "--yes"],
        &["status"],
    ] {
        let ended = Home::new().run(&[command, &["--name", "nobodys"]].concat());
        assert_eq!(ended.code, code(Class::Config), "{command:?}: {}", ended.errors);
        assert!(ended.errors.contains("`nobodys`"), "{}", ended.errors);
    }
}

/// A name is a promise to scripts: see `docs/exit-codes.md`.
#[test]
fn every_exit_code_is_published() {
    let published =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/exit-codes.md")).unwrap();
    let schema = serde_json::to_value(schemars::schema_for!(Class)).unwrap();
    let mut names = vec![];
    names_in(&schema, &mut names);
    assert!(names.len() > 10, "the classes are not seen in {schema}");
    for name in names {
        let class: Class = serde_json::from_value(Value::String(name.clone())).unwrap();
        let row = format!("| {} | {name} |", class.exit_code());
        assert!(published.contains(&row), "docs/exit-codes.md lacks `{row}`");
    }
}

/// Collects every name that an enumeration in a JSON Schema allows.
fn names_in(schema: &Value, names: &mut Vec<String>) {
    match schema {
        Value::Object(fields) => {
            names.extend(fields.get("const").and_then(Value::as_str).map(ToOwned::to_owned));
            let listed = fields.get("enum").and_then(Value::as_array).into_iter().flatten();
            names.extend(listed.filter_map(Value::as_str).map(ToOwned::to_owned));
            fields.values().for_each(|value| names_in(value, names));
        }
        Value::Array(values) => values.iter().for_each(|value| names_in(value, names)),
        _ => {}
    }
}

#[test]
fn a_clusterfile_is_begun_and_never_overwritten() {
    let home = Home::new();
    let path = home.0.path().join("Clusterfile");
    let file = path.to_str().unwrap();
    let words =
        ["init", "kubernetes:v1", "--masters", "10.0.0.1-10.0.0.3", "--nodes", "10.0.0.9", "--out", file];
    let begun = home.run(&words);
    assert_eq!(begun.code, 0, "{}", begun.errors);
    let native = home.run(&["convert", "-f", file]);
    assert!(native.output.contains("- 10.0.0.1-10.0.0.3\n"), "{}", native.output);
    let again = home.run(&words);
    assert_eq!(again.code, 9, "{}", again.errors);
}

#[test]
fn what_has_no_counterpart_is_said_beside_the_converted_file() {
    let home = Home::new();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/clusterfiles/good/sealos-pk-data.yaml");
    let converted = home.run(&["convert", "-f", file]);
    assert_eq!(converted.code, 0, "{}", converted.errors);
    assert!(converted.output.starts_with("apiVersion: sealift.io/v1\n"), "{}", converted.output);
    assert!(converted.errors.contains("a secret of the file is not written"), "{}", converted.errors);
    for secret in ["s3cret-77", "77665544"] {
        assert!(!converted.output.contains(secret) && !converted.errors.contains(secret));
    }
}

#[test]
fn the_schema_is_printed_as_it_is_published() {
    let published =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/schemas/clusterfile.schema.json"));
    assert_eq!(Home::new().run(&["schema"]).output.trim_end(), published.unwrap().trim_end());
}
