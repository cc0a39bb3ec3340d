//! Kubefiles: what is read, in which order variables apply, and how mistakes are told.

use super::*;
use crate::model::Arch;

fn parse(text: &str) -> Result<Kubefile, Problems> {
    Kubefile::parse(Path::new("images/app/Kubefile"), text)
}

fn arguments(pairs: &[(&str, &str)]) -> Arguments {
    Arguments {
        arch: Arch::Arm64,
        build_args: pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
    }
}

fn recipe(text: &str, given: &[(&str, &str)]) -> Recipe {
    parse(text).unwrap().evaluate(&arguments(given), &BTreeMap::new()).unwrap()
}

#[test]
fn a_whole_kubefile_is_followed() {
    let text = r#"
# syntax of every kind
ARG VERSION=v1.36.3
FROM kubernetes:${VERSION}
ARG VERSION
ARG MIRROR="a b"
ENV NAME=${NAME:-"calico"} KIND='$X'
ENV OLD the old form
LABEL sealos.io.type="application" version=$VERSION \
      mirror="$MIRROR"
COPY --chmod=0755 bin/${TARGETARCH}/a \
     b /opt/
COPY ["with space", "dest dir/"]
ENTRYPOINT ["helm upgrade", "-i $(NAME)"]
CMD echo $NAME && \
    # a remark
    echo done
"#;
    let file = parse(text).unwrap();
    assert_eq!(
        file.base(&arguments(&[])).unwrap(),
        Base::Image("kubernetes:v1.36.3".parse().unwrap()),
        "ARG before FROM is seen by FROM"
    );
    let recipe = recipe(text, &[("VERSION", "v1.35.0")]);
    insta::assert_debug_snapshot!(recipe, @r##"
    Recipe {
        labels: {
            "mirror": "a b",
            "sealos.io.type": "application",
            "version": "v1.35.0",
        },
        environment: [
            (
                "NAME",
                "calico",
            ),
            (
                "KIND",
                "$X",
            ),
            (
                "OLD",
                "the old form",
            ),
        ],
        copies: [
            Copy {
                sources: [
                    "bin/arm64/a",
                    "b",
                ],
                destination: "/opt/",
                mode: Some(
                    493,
                ),
                text: "COPY --chmod=0755 bin/${TARGETARCH}/a b /opt/",
                place: Place {
                    line: 11,
                    column: 1,
                },
            },
            Copy {
                sources: [
                    "with space",
                ],
                destination: "dest dir/",
                mode: None,
                text: "COPY [\"with space\", \"dest dir/\"]",
                place: Place {
                    line: 13,
                    column: 1,
                },
            },
        ],
        entrypoint: Some(
            [
                "helm upgrade",
                "-i $(NAME)",
            ],
        ),
        cmd: Some(
            [
                "/bin/sh",
                "-c",
                "echo $NAME && echo done",
            ],
        ),
        unused_arguments: [],
    }
    "##);
}

#[test]
fn every_mistake_of_a_file_is_told_with_its_place() {
    let text = "FROM scratch\nCOPPY a b\nRUN make\n  LABEL\nFROM other\nADD x y\nLAUNCH [\"a\"]\nCOPY --from=x a b\n\
                COPY --chmod=rwx a b\nCMD [\"a\"]\n";
    let problems = parse(text).unwrap_err();
    let told: Vec<String> = problems
        .list()
        .iter()
        .map(|p| format!("{}\n{}\n=> {}", p.message, p.seen.join("\n"), p.remedies.join("; ")))
        .collect();
    insta::assert_snapshot!(told.join("\n\n"), @r##"
    images/app/Kubefile:2:1: there is no instruction `COPPY`
    2 | COPPY a b
      | ^
    => did you mean `COPY`?

    images/app/Kubefile:3:1: RUN is not followed yet
    3 | RUN make
      | ^
    => run the command before the build and COPY what it makes

    images/app/Kubefile:4:3: LABEL instruction requires at least one argument
    4 |   LABEL
      |   ^
    => complete the instruction, or remove the line

    images/app/Kubefile:5:1: a second FROM is not followed yet
    5 | FROM other
      | ^
    => build the first part as an image of its own and begin FROM that

    images/app/Kubefile:6:1: ADD is not followed yet
    6 | ADD x y
      | ^
    => write COPY; unpack archives and fetch URLs before the build

    images/app/Kubefile:7:1: LAUNCH is sealer's instruction and is not followed yet
    7 | LAUNCH ["a"]
      | ^
    => write what it starts as CMD, and what it needs as COPY and LABEL

    images/app/Kubefile:8:6: COPY --from is not followed yet
    8 | COPY --from=x a b
      |      ^
    => begin FROM that image, or put the files into the directory

    images/app/Kubefile:9:6: `rwx` is not a mode
    9 | COPY --chmod=rwx a b
      |      ^
    => write it in octal: --chmod=0755
    "##);
}

#[test]
fn a_file_without_from_is_told_once() {
    for (text, want) in [
        ("", "there is no FROM"),
        ("COPY a b\nCOPY c d\n", "COPY comes before FROM"),
        ("FROM\nCOPY a b\n", "FROM instruction requires at least one argument"),
    ] {
        let problems = parse(text).unwrap_err();
        assert_eq!(problems.list().len(), 1, "{problems}");
        assert!(problems.list()[0].message.ends_with(want), "{problems}");
    }
}

#[test]
fn arguments_apply_in_the_files_order() {
    for (text, given, want) in [
        ("FROM scratch\nARG A=1\nLABEL l=$A", vec![], "1"),
        ("FROM scratch\nARG A=1\nLABEL l=$A", vec![("A", "2")], "2"),
        ("FROM scratch\nLABEL l=$A\nARG A=1", vec![("A", "2")], ""),
        ("ARG A=1\nFROM scratch\nLABEL l=$A", vec![], ""),
        ("ARG A=1\nFROM scratch\nARG A\nLABEL l=$A", vec![], "1"),
        ("FROM scratch\nARG A=1\nENV A=env\nLABEL l=$A", vec![("A", "2")], "env"),
        ("FROM scratch\nENV A=env\nARG A=1\nLABEL l=$A", vec![("A", "2")], "env"),
        ("FROM scratch\nENV A=1\nENV A=2 B=$A\nLABEL l=$B", vec![], "1"),
        ("FROM scratch\nLABEL l=$TARGETOS/$TARGETARCH", vec![], "linux/arm64"),
    ] {
        assert_eq!(recipe(text, &given).labels["l"], want, "{text}");
    }
}

#[test]
fn the_base_images_environment_is_seen() {
    let inherited = BTreeMap::from([("registryPort".to_owned(), "5000".to_owned())]);
    let file = parse("FROM base\nLABEL l=${registryPort:-1}").unwrap();
    assert_eq!(file.evaluate(&arguments(&[]), &inherited).unwrap().labels["l"], "5000");
}

#[test]
fn a_build_argument_nobody_declares_is_told() {
    let recipe = recipe("FROM scratch\nARG VERSION", &[("VERSIN", "1")]);
    assert_eq!(
        recipe.unused_arguments,
        ["the build argument `VERSIN` is declared by no ARG; did you mean `VERSION`?"]
    );
}

#[test]
fn mistakes_behind_variables_are_all_told() {
    let file = parse("FROM scratch\nLABEL a=${A\nCOPY x ../y\nENV novalue\nARG 1-x=2").unwrap();
    let problems = file.evaluate(&arguments(&[]), &BTreeMap::new()).unwrap_err();
    assert_eq!(problems.list().len(), 4, "{problems}");
    assert!(problems.list()[1].message.contains("Kubefile:3:1"), "{problems}");
}

#[test]
fn a_new_entrypoint_drops_the_inherited_command_only() {
    assert_eq!(recipe("FROM a\nENTRYPOINT [\"x\"]", &[]).cmd, Some(vec![]));
    assert_eq!(recipe("FROM a\nCMD [\"y\"]\nENTRYPOINT [\"x\"]", &[]).cmd, Some(vec!["y".to_owned()]));
    assert_eq!(recipe("FROM a\n", &[]).cmd, None);
}

#[test]
fn the_kubefile_is_looked_for_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let context = directory.path();
    assert!(locate(context, None).is_err());
    for name in NAMES.iter().rev() {
        fs::write(context.join(name), "FROM scratch").unwrap();
        assert_eq!(locate(context, None).unwrap(), context.join(name));
    }
    fs::write(context.join("other"), "FROM scratch").unwrap();
    assert_eq!(locate(context, Some(Path::new("other"))).unwrap(), context.join("other"));
    assert!(locate(context, Some(Path::new("missing"))).is_err());
}
