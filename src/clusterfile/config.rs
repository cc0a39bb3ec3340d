//! Config documents: how a file of an image is changed, in the words of every dialect.

use super::dialect::Dialect;
use super::ledger::{Finding, Ledger};
use super::place::Place;
use super::reader::{Field, Fields};
use crate::configs;
use crate::model::{Config, PlacedConfig, Process, Strategy};

/// The strategies of a dialect, in its own words.
fn strategies(dialect: Dialect) -> &'static [(&'static str, Strategy)] {
    match dialect {
        Dialect::Native => &[
            ("merge", Strategy::Merge),
            ("insert", Strategy::Insert),
            ("append", Strategy::Append),
            ("overwrite", Strategy::Overwrite),
            ("delete", Strategy::Delete),
        ],
        Dialect::Sealos => &[
            ("merge", Strategy::Merge),
            ("override", Strategy::Overwrite),
            ("insert", Strategy::Insert),
            ("append", Strategy::Append),
        ],
        Dialect::SealerV1 | Dialect::SealerV2 => {
            &[("merge", Strategy::Merge), ("overwrite", Strategy::Overwrite)]
        }
    }
}

/// Reads what stands below `spec` of a Config called `name`. What is wrong is taken down.
pub(super) fn read(spec: &Fields<'_>, dialect: Dialect, name: String) -> Option<PlacedConfig> {
    let path = spec.need("path", "a file of the image");
    let place = path.as_ref().map_or(spec.head(), Field::place);
    let file = path.as_ref().and_then(file_of_image);
    let data = spec.get("data");
    let strategy = spec.get("strategy");
    let strategy = match &strategy {
        Some(field) => field.one_of(strategies(dialect)).map(|word| word.value),
        None => Some(Strategy::Overwrite),
    };
    let mut image = None;
    if matches!(dialect, Dialect::Native | Dialect::Sealos) {
        image = spec.get("match").and_then(|field| field.word()).map(|word| word.value);
    }
    let process = match spec.get("process").filter(|_| dialect != Dialect::Sealos) {
        Some(field) => process(&field)?,
        None => vec![],
    };
    let application = match dialect {
        Dialect::SealerV1 | Dialect::SealerV2 => spec.get("appName").and_then(|field| field.word()),
        Dialect::Native | Dialect::Sealos => None,
    };
    spec.finish_with(|name| match name {
        "image" => Some("write `match:` with the name of an image"),
        _ => None,
    });
    let text = match &data {
        Some(field) => field.text()?.value,
        None => String::new(),
    };
    let path = match application {
        // sealer keeps the files of an application there.
        Some(application) => format!("application/apps/{}/{}", application.value, file?),
        None => file?,
    };
    let config = Config { name, path, strategy: strategy?, image, process, data: text, trees: vec![] };
    check(spec.whole().ledger(), &config, data.map_or(place, |field| field.place()));
    Some(PlacedConfig { place: spec.whole().ledger().position(place), config })
}

/// Takes down what is wrong with a Config whatever the file is like.
fn check(ledger: &Ledger, config: &Config, place: Place) {
    let Err(problem) = configs::check(config) else { return };
    let seen = problem.seen.iter().map(|seen| seen.lines().next().unwrap_or_default());
    let told: Vec<&str> = std::iter::once(problem.message.as_str()).chain(seen).collect();
    let finding = Finding::at(Place { end: place.start, ..place }, told.join(": "));
    ledger.error(problem.remedies.into_iter().fold(finding, Finding::remedy));
}

/// Reads the path of a file, which must stay below the image's root; it is told without `/` before it and without `.`.
pub(super) fn file_of_image(field: &Field<'_>) -> Option<String> {
    let path = field.word()?;
    let parts: Vec<&str> = path.value.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.contains(&"..") {
        let finding = Finding::of(&path, format!("`{}` leaves the image", path.value));
        field.ledger().error(finding.remedy("write a path below the image's root, without `..`"));
        return None;
    }
    if parts.is_empty() || path.value.ends_with('/') {
        let finding = Finding::of(&path, format!("`{}` is a directory", path.value));
        field.ledger().error(finding.remedy("write the path of a file, below the image's root"));
        return None;
    }
    if parts.first() == Some(&"registry") {
        let finding = Finding::of(&path, "what is below `registry/` is the content of a registry".to_owned());
        field.ledger().error(finding.remedy("leave it as it is: names and digests belong together there"));
        return None;
    }
    Some(parts.join("/"))
}

fn process(field: &Field<'_>) -> Option<Vec<Process>> {
    let text = field.word()?;
    let mut steps = Vec::new();
    for word in text.value.split('|').map(str::trim) {
        let Some((_, step)) = Process::WORDS.iter().find(|(known, _)| *known == word) else {
            let known = Process::WORDS.map(|(known, _)| known);
            let finding = Finding::of(&text, format!("`{word}` is no way to process data"));
            field.ledger().error(finding.suggest(word, &known[..4]));
            return None;
        };
        steps.push(*step);
    }
    Some(steps)
}
