//! Credentials for registries: those that `docker login` or `podman login` left in a file.

use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use oci_client::secrets::RegistryAuth;
use serde_json::Value;

/// Docker Hub's key in the files, which is not its host.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// Returns the credentials for a registry, or those of nobody when no file has any.
///
/// Credential helpers are not asked.
pub(crate) fn of_registry(registry: &str) -> RegistryAuth {
    let found = files().into_iter().find_map(|path| {
        let text = std::fs::read(path).ok()?;
        in_file(&serde_json::from_slice(&text).ok()?, registry)
    });
    found.map_or(RegistryAuth::Anonymous, |(user, password)| RegistryAuth::Basic(user, password))
}

/// Returns where the tools of this family keep credentials, in the order they are looked for.
fn files() -> Vec<PathBuf> {
    let below =
        |variable: &str, rest: &str| std::env::var_os(variable).map(|base| PathBuf::from(base).join(rest));
    [
        std::env::var_os("REGISTRY_AUTH_FILE").map(PathBuf::from),
        below("DOCKER_CONFIG", "config.json"),
        below("XDG_RUNTIME_DIR", "containers/auth.json"),
        below("HOME", ".docker/config.json"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Reads the user and the password of one registry.
fn in_file(file: &Value, registry: &str) -> Option<(String, String)> {
    let auths = file.get("auths")?;
    let hub = (registry == "docker.io").then_some(DOCKER_HUB_KEY);
    let https = format!("https://{registry}");
    let entry =
        [Some(registry), hub, Some(https.as_str())].into_iter().flatten().find_map(|key| auths.get(key))?;
    let decoded = BASE64_STANDARD.decode(entry.get("auth")?.as_str()?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    text.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_has_its_own_credentials() {
        let auth = |text: &str| BASE64_STANDARD.encode(text);
        let file = serde_json::json!({"auths": {
            "registry.example:5000": {"auth": auth("user:pass:word")},
            "https://index.docker.io/v1/": {"auth": auth("hub:secret")},
            "https://old.example": {"auth": auth("old:x")},
            "helper.example": {},
            "broken.example": {"auth": "%%%"},
        }});
        for (registry, want) in [
            ("registry.example:5000", Some(("user", "pass:word"))),
            ("docker.io", Some(("hub", "secret"))),
            ("old.example", Some(("old", "x"))),
            ("registry.example", None),
            ("helper.example", None),
            ("broken.example", None),
        ] {
            let found = in_file(&file, registry);
            assert_eq!(found.as_ref().map(|(u, p)| (u.as_str(), p.as_str())), want, "{registry}");
        }
    }
}
