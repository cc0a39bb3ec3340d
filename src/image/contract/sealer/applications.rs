//! The applications in an image of sealer's, and what launches them.
//!
//! Source: what sealer's `pkg/define/application/v1` and `pkg/application` make of the annotation. Each has a directory of its own
//! in the image's tree, and commands run at the root of that tree.

use std::path::Path;

use serde::Deserialize;

use crate::error::{Class, Problem, Result};
use crate::model::{Bundle, BundledApplication, Environment};
use crate::suggest;

/// Where applications have their directories.
const ROOT: &str = "application/apps";

/// An application as the annotation has it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Application {
    name: String,
    /// `kube`, `helm` or `shell`; of others the commands are said.
    #[serde(rename = "type")]
    kind: String,
    /// What is applied or run, within its directory.
    files: Vec<String>,
    env: Environment,
    cmds: Vec<String>,
}

/// What is launched, as the annotation has it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Launch {
    cmds: Vec<String>,
    app_names: Vec<String>,
}

/// Returns what an image launches, and lays the applications' variables over those of their image, where templates and the
/// operator find them. Of two applications that call different things alike, the first one's is there.
///
/// An application that is launched and not there is a `Config` problem.
pub(super) fn bundle(
    applications: Vec<Application>,
    launch: Launch,
    environment: &mut Environment,
) -> Result<Bundle> {
    let mut common = Environment::new();
    for (name, value) in applications.iter().flat_map(|application| &application.env) {
        common.entry(name.clone()).or_insert_with(|| value.clone());
    }
    let applications =
        applications.into_iter().map(|application| read(application, &common)).collect::<Result<Vec<_>>>()?;
    environment.extend(common);
    let launched: Vec<String> = launch.app_names.into_iter().filter(|name| !name.is_empty()).collect();
    let commands = launch.cmds.into_iter().filter(|line| !line.trim().is_empty()).collect();
    let bundle = Bundle { applications, launched, commands };
    match bundle.launched.iter().find(|name| !bundle.has(name)) {
        None => Ok(bundle),
        Some(name) => {
            let known = || bundle.applications.iter().map(|application| application.name.as_str());
            let hint = suggest::did_you_mean(name, known()).unwrap_or_else(|| match known().count() {
                0 => "it has none; build it again with APP".to_owned(),
                _ => format!("it has {}", known().collect::<Vec<_>>().join(", ")),
            });
            let message = format!("the image launches the application `{name}`, which is not in it");
            Err(Problem::new(Class::Config, message).remedy(hint))
        }
    }
}

/// Of its own variables it keeps those that are not the common ones.
fn read(application: Application, common: &Environment) -> Result<BundledApplication> {
    let Application { name, kind, files, env, cmds } = application;
    let refused = |message: String| Err(Problem::new(Class::Config, message));
    if !is_plain(&name) || name.contains('/') {
        return refused(format!("the image has an application called `{name}`, which is no name"));
    }
    if let Some(file) = files.iter().find(|file| !is_plain(file)) {
        return refused(format!(
            "the application `{name}` of the image has `{file}`, which is no file of it"
        ));
    }
    let directory = format!("{ROOT}/{name}");
    let file = |file: &String| quoted(&format!("{directory}/{}", file.trim_start_matches('/')));
    let lines: Vec<String> = match (cmds.as_slice(), kind.as_str()) {
        ([_, ..], _) => {
            // sealer puts a blank between them: they are the words of one line.
            vec![format!("cd {} && {}", quoted(&directory), cmds.join(" "))]
        }
        ([], "kube") => files.iter().map(|one| format!("kubectl apply -f {}", file(one))).collect(),
        ([], "shell") => files.iter().map(|one| format!("bash {}", file(one))).collect(),
        // Once more is an upgrade: sealer's own `helm install` is refused then.
        ([], "helm") => vec![format!("helm upgrade --install {} {}", quoted(&name), quoted(&directory))],
        ([], _) => vec![],
    };
    let environment = env.into_iter().filter(|(name, value)| common.get(name) != Some(value)).collect();
    Ok(BundledApplication { name, commands: lines, environment })
}

/// Tells whether a path stays where it begins.
fn is_plain(path: &str) -> bool {
    !path.is_empty()
        && Path::new(path).components().all(|part| !matches!(part, std::path::Component::ParentDir))
}

/// Returns a word of the shell; its dollar signs stay what they are when variables are put in their place.
fn quoted(word: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | ':' | '=' | ',');
    if !word.is_empty() && word.chars().all(is_bare) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''").replace('$', "$$"))
}
