//! The native form: every dialect is carried over to it, and it means the same there.

use proptest::prelude::*;
use sealift::clusterfile::{Overrides, Source, convert, load};
use sealift::error::Problem;
use sealift::model::{Declared, DeclaredLogin, DeclaredMachines, SecretReference};

use crate::good::{files, overrides, source};

fn native(text: &str) -> Declared {
    let source = Source { name: "native.yaml".to_owned(), text: text.as_bytes().to_vec() };
    let declared = load(&[source], &Overrides::default());
    let declared = declared.unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    Declared { image_places: [].into(), ..declared }
}

#[test]
fn every_file_means_the_same_in_the_native_form() {
    for path in files() {
        let declared = load(&[source(&path)], &overrides(&path)).unwrap();
        let text = convert(&declared).unwrap();
        assert_eq!(told(native(&text)), told(declared), "{}:\n{text}", path.display());
    }
}

#[test]
fn what_is_native_stays_as_it_is() {
    for path in files() {
        let once = convert(&load(&[source(&path)], &overrides(&path)).unwrap()).unwrap();
        assert_eq!(convert(&native(&once)).unwrap(), once, "{}", path.display());
    }
}

#[test]
fn the_native_form_of_every_file() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../testdata/clusterfiles/converted");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for path in files() {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let declared = load(&[source(&path)], &overrides(&path)).unwrap();
            insta::assert_snapshot!(name, convert(&declared).unwrap());
        }
    });
}

#[test]
fn no_secret_is_written() {
    for path in files() {
        let text = convert(&load(&[source(&path)], &overrides(&path)).unwrap()).unwrap();
        for secret in ["hunter2", "s3cret-77", "77665544"] {
            assert!(!text.contains(secret), "{}:\n{text}", path.display());
        }
    }
}

/// What both forms say: places and warnings differ, and of a secret in the file the native form has only where to ask.
fn told(mut declared: Declared) -> Declared {
    declared.warnings = vec![];
    declared.image_places.clear();
    for (_, place) in declared.applications.iter_mut().flatten() {
        place.clear();
    }
    for hook in &mut declared.hooks {
        hook.place = String::new();
    }
    for problem in &mut declared.not_acted_on {
        *problem = Problem::new(problem.class, "not acted on");
    }
    for config in &mut declared.configs {
        config.place.clear();
    }
    for document in &mut declared.documents {
        document.place = String::new();
    }
    if let Some(registry) = &mut declared.registry {
        registry.place.clear();
        prompt(&mut registry.password);
    }
    without_secrets(&mut declared.login);
    if let DeclaredMachines::Given(machines) = &mut declared.machines {
        for machine in machines {
            without_secrets(&mut machine.login);
        }
    }
    declared
}

fn without_secrets(login: &mut DeclaredLogin) {
    if matches!(login.key, Some(SecretReference::Literal(_))) {
        login.key = Some(SecretReference::File("PATH-OF-THE-KEY".into()));
    }
    prompt(&mut login.password);
    prompt(&mut login.passphrase);
}

fn prompt(secret: &mut Option<SecretReference>) {
    if matches!(secret, Some(SecretReference::Literal(_))) {
        *secret = Some(SecretReference::Prompt);
    }
}

/// Values that YAML could take for something else.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("yes".to_owned()),
        Just("0644".to_owned()),
        Just("1.10".to_owned()),
        Just("~".to_owned()),
        Just("a: b # c".to_owned()),
        Just("{{ .x }}".to_owned()),
        "[ -~äß\u{1F600}]{0,20}",
        "[a-z\\n\\t\"'\\\\]{0,12}",
    ]
}

proptest! {
    /// Whatever a variable or a command holds, it is the same after the way through the file.
    #[test]
    fn texts_survive(values in proptest::collection::vec(value(), 1..6), command in "[!-~][ -~]{0,30}") {
        let mut declared = native(SMALL);
        declared.environment =
            values.iter().enumerate().map(|(index, value)| (format!("V{index}"), value.clone())).collect();
        declared.command = Some(vec![command]);
        let text = convert(&declared).unwrap();
        prop_assert_eq!(native(&text), declared, "{}", text);
    }

    /// Addresses become ranges and come back one by one, in their order.
    #[test]
    fn addresses_survive(hosts in proptest::collection::btree_set(1_u8..60, 1..40), ports in proptest::bool::ANY) {
        let listed: Vec<String> = hosts
            .iter()
            .map(|host| if ports && host % 3 == 0 { format!("10.0.9.{host}:2222") } else { format!("10.0.9.{host}") })
            .collect();
        let declared = native(&SMALL.replace("[10.0.0.2]", &format!("[{}]", listed.join(", "))));
        let text = convert(&declared).unwrap();
        prop_assert_eq!(native(&text), declared, "{}", text);
    }
}

const SMALL: &str = "\
apiVersion: sealift.io/v1
kind: Cluster
metadata: {name: small}
spec:
  images: [kubernetes:v1.36.3]
  hosts:
    - role: control-plane
      addresses: [10.0.0.1]
    - role: worker
      addresses: [10.0.0.2]
";
