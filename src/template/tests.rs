//! Renders the golden set that Go's own engine made, and holds what no input may do.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::render;
use crate::error::{Class, Problem};

fn templates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/templates")
}

/// Returns the names, the sources and the variables of the golden set.
fn golden() -> Vec<(String, String, BTreeMap<String, String>)> {
    let default = fs::read_to_string(templates().join("default.json")).unwrap();
    let mut set = Vec::new();
    for entry in fs::read_dir(templates()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "tmpl") {
            let variables =
                fs::read_to_string(path.with_extension("json")).unwrap_or_else(|_| default.clone());
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            set.push((name, fs::read_to_string(&path).unwrap(), serde_json::from_str(&variables).unwrap()));
        }
    }
    set.sort();
    set
}

/// Shows where two texts differ.
fn difference(name: &str, want: &str, got: &str) -> String {
    let diff = similar::TextDiff::from_lines(want, got);
    format!("--- {name}\n{}", diff.unified_diff().context_radius(0))
}

/// Tells how a rendering differs from Go's: its bytes, or the line and the kind of its error.
fn compare(name: &str, source: &str, data: &BTreeMap<String, String>) -> Option<String> {
    let golden = templates().join("golden");
    match (fs::read_to_string(golden.join(format!("{name}.out"))), render(name, source, data)) {
        (Ok(want), Ok(got)) => (want != got).then(|| difference(name, &want, &got)),
        (Ok(_), Err(problem)) => Some(format!("--- {name}: refused: {problem}")),
        (Err(_), Ok(_)) => Some(format!("--- {name}: Go refuses it")),
        (Err(_), Err(problem)) => {
            let error = fs::read_to_string(golden.join(format!("{name}.err"))).unwrap();
            let (line, want) = error.trim().split_once(' ').unwrap();
            let got = kind(name, source, &problem);
            let there = problem.message.starts_with(&format!("{name}:{line}:"));
            // What is only found when it runs there may be seen beforehand here.
            let as_good = got == want || (got, want) == ("parse", "exec");
            (!there || !as_good).then(|| format!("--- {name}: {got}, not {want} on line {line}: {problem}"))
        }
    }
}

/// Tells what was refused in the words of the golden set.
fn kind(name: &str, source: &str, problem: &Problem) -> &'static str {
    let no_function = ["there is no function", "is not available in an image's templates"];
    match super::check(name, source) {
        Ok(()) => "exec",
        Err(_) if no_function.iter().any(|words| problem.message.contains(words)) => "function",
        Err(_) => "parse",
    }
}

#[test]
fn every_function_of_the_family_is_there_or_says_why_not() {
    let names = fs::read_to_string(templates().join("golden/functions.list")).unwrap();
    assert!(names.lines().count() > 200, "only {} functions", names.lines().count());
    let missing: Vec<&str> = names
        .lines()
        .filter(|name| {
            super::functions::find(name).is_err_and(|failure| failure.message.starts_with("there is no"))
        })
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_golden_template_renders_as_go_renders_it() {
    let set = golden();
    assert!(set.len() >= 300, "only {} templates", set.len());
    let wrong: Vec<String> =
        set.iter().filter_map(|(name, source, data)| compare(name, source, data)).collect();
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), set.len(), wrong.join("\n"));
}

fn refusal(source: &str) -> Problem {
    let data = BTreeMap::from([("NAME".to_owned(), "seal".to_owned())]);
    render("a.tmpl", source, &data).unwrap_err()
}

#[test]
fn a_problem_says_where_what_and_what_to_do() {
    for (source, message, seen, remedy) in [
        (
            "x\ny: {{ qoute .NAME }}\n",
            "a.tmpl:2:7: there is no function `qoute`",
            "y: {{ qoute .NAME }}\n      ^",
            "did you mean `quote`?",
        ),
        (
            "{{ upper .MISSING }}",
            "a.tmpl:1:10: upper: argument 1 has to be a text, and is no value",
            "{{ upper .MISSING }}\n         ^",
            "give it a default: `(default \"…\" .NAME)`",
        ),
        (
            "{{ now | quote }}",
            "a.tmpl:1:4: `now` is not available in an image's templates: it depends on the clock, and rendering the same image twice gives the same files",
            "{{ now | quote }}\n   ^",
            "give the value as a variable of the image or with `--env`, and use it as `{{ .NAME }}`",
        ),
        (
            "{{ if .NAME }}\n",
            "a.tmpl:2:1: the template ends within a block",
            "\n^",
            "every if, with, range, define and block needs its {{ end }}",
        ),
        (
            "{{ $name := 1 }}{{ $nmae }}",
            "a.tmpl:1:20: there is no variable `$nmae` here",
            "{{ $name := 1 }}{{ $nmae }}\n                   ^",
            "did you mean `$name`?",
        ),
    ] {
        let problem = refusal(source);
        assert_eq!(problem.class, Class::Config);
        assert_eq!(problem.message, message);
        assert_eq!(problem.seen, [seen]);
        assert_eq!(problem.remedies, [remedy]);
    }
}

#[test]
fn what_would_read_the_machine_is_refused() {
    for call in ["now", "randAlphaNum 5", "uuidv4", "getHostByName \"a\"", "genCA \"a\" 1"] {
        assert!(refusal(&format!("{{{{ {call} }}}}")).message.contains("not available"), "{call}");
    }
}

#[test]
fn a_decoding_that_fails_is_no_text() {
    for call in [
        "b64dec \"!\"",
        "b32dec \"!\"",
        "b64dec \"/w==\"",
        "fromJson \"{\"",
        "fromYaml \"a: [\"",
        "trunc 1 \"é\"",
    ] {
        refusal(&format!("{{{{ {call} }}}}"));
    }
}

#[test]
fn yaml_reads_what_it_writes() {
    let source =
        "{{ $d := dict \"k\" (list .T) .T 1 }}{{ deepEqual (toJson $d) (toYaml $d | fromYaml | toJson) }}";
    for text in [
        "",
        " ",
        "true",
        "no",
        "1",
        "0x1",
        "1e3",
        "null",
        "~",
        ":5000",
        "a: b",
        "#x",
        " lead",
        "- a",
        "'",
        "\"",
        "\\",
        "{",
        "[",
        "*a",
        "&a",
        "!a",
        "%a",
        "@a",
        "é",
        "a\nb",
        "a\n",
        "\n\na",
        "\ta",
        "2024-01-01",
        "|",
        "a #b",
        "=",
        "<<",
        "\u{7f}",
        "\u{85}",
    ] {
        let data = BTreeMap::from([("T".to_owned(), text.to_owned())]);
        assert_eq!(render("a", source, &data).unwrap(), "true", "{text:?}");
    }
}

#[test]
fn networks_give_their_addresses() {
    let source = "{{ ipAt \"10.96.0.0/12\" 10 }} {{ ipAt \"10.0.0.0/24\" -1 }} {{ ipAt \"fd00::/108\" 1 }} {{ ipNet \"10.1.2.3/8\" }}";
    assert_eq!(render("a", source, &BTreeMap::new()).unwrap(), "10.96.0.10 10.0.0.255 fd00::1 10.0.0.0/8");
    assert!(refusal("{{ ipAt \"10.0.0.0/30\" 4 }}").message.contains("no address number 4"));
}

#[test]
fn a_rendering_is_bounded() {
    for source in [
        "{{ define \"t\" }}{{ template \"t\" }}{{ end }}{{ template \"t\" }}",
        "{{ define \"t\" }}{{ range 1 }}{{ with (list 1) }}{{ if 1 }}{{ template \"t\" (list (dict \"a\" .)) }}{{ end }}{{ end }}{{ end }}{{ end }}{{ template \"t\" }}",
        "{{ range 10000000000 }}x{{ end }}",
        "{{ range 1000000000 }}{{ end }}",
        "{{ repeat 1000000000 \"x\" }}",
        "{{ repeat 9223372036854775807 \"xx\" }}",
        "{{ until 1000000000 }}",
        "{{ untilStep -9223372036854775808 9223372036854775807 1 }}",
        "{{ seq 9223372036854775807 }}",
        "{{ indent 1000000000 \"x\" }}",
        "{{ indent 1000000 (repeat 1000 \"\\n\") }}",
        "{{ printf \"%1000000d%1000000d%1000000d%1000000d%1000000d%1000000d%1000000d%1000000d%1000000d%1000000d%1000000d%1000000d%1000000d%1000000d%1000000d%1000000d%1000000d\" 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 }}",
        "{{ $x := \"x\" }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}",
        "{{ $x := list 1 }}{{ range 100 }}{{ $x = list $x $x }}{{ end }}{{ $x }}",
        "{{ $x := list 1 }}{{ range 60 }}{{ $x = list $x $x }}{{ end }}{{ deepEqual $x (deepCopy $x) }}",
        "{{ $x := list 1 }}{{ range 100000 }}{{ $x = list $x }}{{ end }}{{ $x }}",
        "{{ $d := dict }}{{ $_ := set $d \"d\" $d }}{{ $d }}",
        "{{ $d := dict }}{{ $_ := set $d \"d\" $d }}{{ toJson $d }}",
        "{{ $d := dict }}{{ $_ := set $d \"d\" $d }}{{ deepCopy $d }}",
        "{{ $x := repeat 1000 \"a\" }}{{ range 1000000 }}{{ $x = regexReplaceAll \"a\" $x \"aa\" }}{{ end }}",
        "{{ regexMatch \"((a{100}){100}){100}\" \"a\" }}",
    ] {
        let problem = refusal(source);
        assert!(problem.message.starts_with("a.tmpl:1:"), "{source}: {problem}");
    }
}

#[test]
fn nesting_is_bounded_before_the_stack_is() {
    for (open, close) in [
        ("(", ")"),
        ("{{ if 1 }}", "{{ end }}"),
        ("{{ if 0 }}{{ else }}", "{{ end }}"),
        ("{{ with 1 }}", "{{ end }}"),
    ] {
        let nest = |depth: usize| match open {
            "(" => format!("{{{{ {}1{} }}}}", open.repeat(depth), close.repeat(depth)),
            _ => format!("{}{}", open.repeat(depth), close.repeat(depth)),
        };
        assert!(render("a", &nest(90), &BTreeMap::new()).is_ok(), "{open}");
        assert!(refusal(&nest(100_000)).message.contains("deep"), "{open}");
    }
    let calls = "{{ define \"t\" }}{{ if . }}{{ template \"t\" (sub (((((.))))) 1) }}{{ end }}{{ end }}{{ template \"t\" 50 }}";
    assert_eq!(render("a", calls, &BTreeMap::new()).unwrap(), "");
}

/// Renders without a care for what comes out.
fn survive(source: &str) {
    let data = BTreeMap::from([("NAME".to_owned(), "seal".to_owned()), ("N".to_owned(), "3".to_owned())]);
    let _ = render("any", source, &data);
}

/// Pieces that templates are made of, to be put together in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("{{"),
        Just("}}"),
        Just("{{-"),
        Just("-}}"),
        Just(" "),
        Just("("),
        Just(")"),
        Just("|"),
        Just(":="),
        Just("="),
        Just("."),
        Just(".NAME"),
        Just("$x"),
        Just("$"),
        Just("if"),
        Just("else"),
        Just("end"),
        Just("range"),
        Just("with"),
        Just("define"),
        Just("template"),
        Just("block"),
        Just("break"),
        Just("continue"),
        Just("\"a\""),
        Just("`b`"),
        Just("'c'"),
        Just("1"),
        Just("-1"),
        Just("1.5"),
        Just("0x"),
        Just("1e999"),
        Just("nil"),
        Just("true"),
        Just(","),
        Just("/*"),
        Just("*/"),
        Just("list"),
        Just("dict"),
        Just("printf"),
        Just("\"%5.2v%*d%!\""),
        Just("index"),
        Just("slice"),
        Just("é"),
        Just("\n"),
        Just("{{ range "),
        Just(" }}"),
        Just("{{ end }}"),
        Just("{{ if "),
        Just("{{ else }}"),
        Just("set"),
        Just("until"),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// Values that functions like least.
fn awkward() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("nil"),
        Just("0"),
        Just("-1"),
        Just("9223372036854775807"),
        Just("-9223372036854775808"),
        Just("1.5"),
        Just("-1e300"),
        Just("\"\""),
        Just("\"é世\""),
        Just("\"a b\\nc\""),
        Just("\"-\""),
        Just("\"1.2.3\""),
        Just("true"),
        Just("(list)"),
        Just("(list 1 \"a\" nil)"),
        Just("(dict)"),
        Just("(dict \"a\" 1)"),
        Just("(until 3)"),
        Just("(split \",\" \"a,b\")"),
        Just("(semver \"1.2.3\")"),
        Just("."),
        Just("3"),
        Just("\"(\""),
        Just("\"%d%s\""),
        Just("(list (list 1))"),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        survive(&String::from_utf8_lossy(&bytes));
        survive(&format!("{{{{ {} }}}}", String::from_utf8_lossy(&bytes)));
    }

    #[test]
    fn no_mixture_of_its_words_makes_it_panic(source in pieces()) {
        survive(&source);
        survive(&format!("{{{{ $x := 1 }}}}{{{{ {source} }}}}{{{{ end }}}}"));
    }

    #[test]
    fn no_damage_to_a_good_template_makes_it_panic(index in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), length in 0_usize..8, with in "[{}()|$.=:\"`'a-z0-9 \\-\n]{0,4}") {
        let set = golden();
        let source = &set[index.index(set.len())].1;
        let begin = source.floor_char_boundary(at.index(source.len() + 1));
        let end = source.ceil_char_boundary((begin + length).min(source.len()));
        survive(&format!("{}{with}{}", &source[..begin], &source[end..]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_function_panics_whatever_it_is_given(values in proptest::collection::vec(awkward(), 0..5)) {
        for name in super::functions::names() {
            survive(&format!("{{{{ {name} {} }}}}", values.join(" ")));
        }
    }
}
