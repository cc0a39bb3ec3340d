//! What is done with Clusterfiles themselves: carried over to the native form, described, begun.

use std::path::PathBuf;

use super::context::Context;
use super::declare::{self, ByRole, Clusterfile, Hosts};
use super::reporter::Data;
use crate::clusterfile;
use crate::error::{Class, Context as _, Problem, Problems, Result};
use crate::fsx;
use crate::model::{
    Declared, DeclaredLogin, DeclaredMachine, DeclaredMachines, HostList, ImageName, Role, SecretReference,
};

/// Images of a Clusterfile that names none: a Kubernetes and a pod network.
const IMAGES: [&str; 2] = ["kubernetes:v1.36.3", "flannel:v0.28.4"];

/// The control plane of a Clusterfile that names none.
const CONTROL_PLANE: &str = "10.0.0.1";

/// Prints Clusterfiles in the native form, and tells what is not in it.
pub fn convert(context: &Context, clusterfile: &Clusterfile) -> Result<(), Problems> {
    let declared = declare::file(clusterfile)?;
    for told in declared.warnings.iter().chain(&declared.not_acted_on) {
        context.reporter.warn(&told.brief());
    }
    if has_literal(&declared) {
        context.reporter.warn(
            "a secret of the file is not written: there stands `prompt`, or `file:PATH-OF-THE-KEY`, which is yours to replace",
        );
    }
    let text = clusterfile::convert(&declared)?;
    let json = crate::yaml::documents("the native form", &text)?.into();
    Ok(context.reporter.result(&Data { text, json })?)
}

/// Prints the JSON Schema of the native form.
pub fn schema(context: &Context) -> Result<()> {
    let text = clusterfile::schema();
    let json = serde_json::from_str(&text).problem(Class::Internal, "cannot read the schema")?;
    context.reporter.result(&Data { text, json })
}

/// What `sealift init` is asked for.
#[derive(Debug, Clone)]
pub struct InitRequest {
    /// The cluster's name.
    pub name: String,
    /// Its images.
    pub images: Vec<ImageName>,
    /// Its machines.
    pub machines: ByRole,
    /// How they are logged in to.
    pub login: DeclaredLogin,
    /// Where the file goes; `None` is standard output.
    pub out: Option<PathBuf>,
}

/// Writes a Clusterfile to begin with. A file that is there is left as it is.
pub fn init(context: &Context, request: InitRequest) -> Result<(), Problems> {
    let declared = Declared {
        name: request.name,
        images: if request.images.is_empty() { IMAGES.map(str::to_owned).to_vec() } else { request.images },
        machines: machines(request.machines)?,
        login: request.login,
        ..Declared::default()
    };
    let text = clusterfile::begin(&declared)?;
    // What is wrong with the flags is told in the words that the file would be refused with.
    let name = request.out.as_ref().map_or_else(|| "-".to_owned(), |path| path.display().to_string());
    let source = clusterfile::Source { name, text: text.clone().into_bytes() };
    let read = clusterfile::load(&[source], &clusterfile::Overrides::default())?;
    for warning in &read.warnings {
        context.reporter.warn(&warning.brief());
    }
    if has_literal(&declared) {
        context.reporter.warn("the password is not written to the file: there stands `prompt`");
    }
    let Some(path) = request.out else {
        let json = crate::yaml::documents("the file", &text)?.into();
        return Ok(context.reporter.result(&Data { text, json })?);
    };
    if path.exists() {
        let problem = Problem::new(Class::Refused, format!("{} is there already", path.display()));
        return Err(problem.remedy("move it away, or name another file with --out").into());
    }
    fsx::write_atomically(&path, &text, 0o644)?;
    let next = format!("{} is written; next: sealift plan -f {}", path.display(), path.display());
    Ok(context.reporter.result(&Data { text: next, json: serde_json::json!({ "file": path }) })?)
}

fn machines(machines: ByRole) -> Result<DeclaredMachines> {
    match (machines.control_planes, machines.workers) {
        (Some(Hosts::Count(control_planes)), workers) => {
            let workers = match workers {
                None => 0,
                Some(Hosts::Count(workers)) => workers,
                Some(Hosts::Listed(_)) => return Err(mixed()),
            };
            Ok(DeclaredMachines::Containers { control_planes, workers, image: None })
        }
        (_, Some(Hosts::Count(_))) => Err(mixed()),
        (control_planes, workers) => {
            let masters = match control_planes {
                Some(Hosts::Listed(list)) => list,
                _ => CONTROL_PLANE.parse()?,
            };
            let workers = match workers {
                Some(Hosts::Listed(list)) => list,
                _ => HostList::default(),
            };
            let control_planes =
                masters.0.into_iter().map(|ssh| DeclaredMachine::new(ssh, Role::ControlPlane));
            let workers = workers.0.into_iter().map(|ssh| DeclaredMachine::new(ssh, Role::Worker));
            Ok(DeclaredMachines::Given(control_planes.chain(workers).collect()))
        }
    }
}

fn mixed() -> Problem {
    Problem::new(Class::Usage, "machines are listed for one role and counted for the other")
        .remedy("list them all, or give numbers for both to have containers made")
}

fn has_literal(declared: &Declared) -> bool {
    let literal = |secret: &Option<SecretReference>| matches!(secret, Some(SecretReference::Literal(_)));
    let login =
        |login: &DeclaredLogin| [&login.password, &login.passphrase, &login.key].into_iter().any(literal);
    let machines = match &declared.machines {
        DeclaredMachines::Given(machines) => machines.iter().any(|machine| login(&machine.login)),
        _ => false,
    };
    let registry = declared.registry.as_ref().is_some_and(|registry| literal(&registry.password));
    machines || registry || login(&declared.login)
}
