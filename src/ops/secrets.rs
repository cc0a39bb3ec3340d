//! Secrets of a new cluster: its registry's credentials and authority.

use std::time::SystemTime;

use rand::RngExt;
use rand::distr::Alphanumeric;
use secrecy::ExposeSecret;

use crate::error::Result;
use crate::ha::authority::registry_authority;
use crate::plan::RegistryAccess;

/// The registry's user. Images read it from `registryUsername`.
const USERNAME: &str = "sealift";

/// Characters in a password: 24 letters and digits are 142 bits.
const PASSWORD_LENGTH: usize = 24;

/// Makes the credentials of a cluster's registry.
pub(super) fn registry_access(cluster: &str) -> Result<RegistryAccess> {
    let authority = registry_authority(cluster, SystemTime::now())?;
    Ok(RegistryAccess {
        username: USERNAME.to_owned(),
        password: password(),
        authority: authority.certificate_pem,
        authority_key: authority.key_pem.expose_secret().to_owned(),
        former: None,
    })
}

/// Makes a password of letters and digits only: images put it into files without quotes.
pub(super) fn password() -> String {
    rand::rng().sample_iter(Alphanumeric).take(PASSWORD_LENGTH).map(char::from).collect()
}

/// Makes an id that no other run or launch has: when, and 32 random bits.
pub fn new_id() -> String {
    let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    format!("{now}-{:08x}", rand::rng().random::<u32>())
}
