//! `ssh` of sealer and sealos.

use super::no_effect;
use crate::clusterfile::login;
use crate::clusterfile::reader::{Field, Fields};
use crate::model::DeclaredLogin;

/// Reads sealer's.
pub(super) fn sealer(field: &Field<'_>) -> DeclaredLogin {
    let Some(fields) = field.fields() else { return DeclaredLogin::default() };
    let encrypted = fields.get("encrypted").and_then(|field| field.truth()).is_some_and(|truth| truth.value);
    let mut read = common(&fields);
    if let Some(password) = fields.get("passwd").filter(|_| encrypted) {
        read.password = None;
        let finding = password.finding("is encrypted with a key that only sealer has");
        password.ledger().error(
            finding.remedy("give it as `env:NAME`, `file:PATH` or `prompt`, and leave `encrypted` out"),
        );
    }
    fields.finish();
    read
}

/// Reads sealos'.
pub(super) fn sealos(field: &Field<'_>) -> DeclaredLogin {
    let Some(fields) = field.fields() else { return DeclaredLogin::default() };
    let mut read = common(&fields);
    read.key = fields.get("pkData").and_then(|field| login::secret(&field));
    if let Some(name) = fields.get("pkName") {
        no_effect(&name, "the key in `pkData` is kept in memory, under no name");
    }
    fields.finish();
    read
}

fn common(fields: &Fields<'_>) -> DeclaredLogin {
    DeclaredLogin {
        user: fields.get("user").and_then(|field| login::user(&field)),
        port: fields.get("port").and_then(|field| login::port(&field)),
        identities: fields.get("pk").and_then(|field| login::identity(&field)).into_iter().collect(),
        password: fields.get("passwd").and_then(|field| login::secret(&field)),
        passphrase: fields.get("pkPasswd").and_then(|field| login::secret(&field)),
        ..DeclaredLogin::default()
    }
}
