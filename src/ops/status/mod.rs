//! `sealift status`: a cluster as it is, beside what it should be. Nothing is locked, and nothing is left behind.

mod drift;
mod view;

use super::context::Context;
use super::declare::{self, Clusterfile};
use super::login::LoginRequest;
use super::reporter::Data;
use super::resolve::{Making, Renewal, Wish};
use super::scene::Scene;
use super::{consent::Consent, known};
use crate::error::{Class, Context as _, Problem, Problems, Result};
use crate::model::Declared;
use crate::plan::{self, Consents};
use crate::steps::State;

pub use view::{
    ApiStatus, ApplicationStatus, CertificateStatus, ClusterStatus, MachineStatus, MemberStatus,
    ReceiptStatus, RunStatus,
};

/// What `sealift status` is asked for.
#[derive(Debug, Clone)]
pub struct StatusRequest {
    /// The cluster's name, where no file is named.
    pub name: String,
    /// What the cluster is held against; none is what it was made as the last time.
    pub clusterfile: Option<Clusterfile>,
    /// How flags say to log in.
    pub login: LoginRequest,
}

/// Shows the cluster, with `render` for people.
///
/// # Errors
/// Class `Drifted` when it is not as it should be; what was asked for is written all the same.
pub async fn status(
    context: &Context,
    request: StatusRequest,
    render: impl FnOnce(&ClusterStatus) -> String,
) -> Result<(), Problems> {
    let (declared, last) = desired(context, &request)?;
    let wish = Wish {
        declared: &declared,
        login: &request.login,
        last: last.as_ref(),
        renewal: match &request.clusterfile {
            Some(_) => Renewal::Named(declared.images.iter().cloned().collect()),
            None => Renewal::Nothing,
        },
        files: None,
        making: Making::Forbidden,
    };
    // It holds much while it waits, and whoever waits for it need not be so large.
    let scene = Box::pin(Scene::newest(context, &wish, |found| match &request.clusterfile {
        Some(_) => declared.clone(),
        None => declare::last(found),
    }));
    let scene = scene.await?;
    let authority = scene.authority();
    let Scene { desired, state, sight, .. } = scene;
    let observed = sight.observed;
    let consents: Consents = super::consent::consents(Consent::default(), &desired);
    let plan = plan::apply(&desired, &observed, authority.as_ref(), &consents);
    let now = jiff::Timestamp::now().as_second();
    let told = view::status(&view::Sources {
        desired: &desired,
        state: &state,
        authority,
        observed: &observed,
        plan,
        now,
    });
    let json = serde_json::to_value(&told).problem(Class::Internal, "cannot write the cluster's status")?;
    context.reporter.result(&Data { text: render(&told), json })?;
    if told.as_desired {
        return Ok(());
    }
    Err(Problem::new(Class::Drifted, format!("the cluster `{}` is not as it should be", told.cluster)).into())
}

fn desired(context: &Context, request: &StatusRequest) -> Result<(Declared, Option<State>), Problems> {
    if let Some(clusterfile) = &request.clusterfile {
        let declared = declare::file(clusterfile)?;
        let last = State::load(&context.home, &declared.name)?;
        return Ok((declared, last));
    }
    let last = known::cluster(context, &request.name)?;
    Ok((declare::last(&last), Some(last)))
}
