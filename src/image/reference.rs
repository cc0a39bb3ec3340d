//! Names of images: read, normalised and shown in this one place.

use std::fmt;
use std::str::FromStr;

use oci_spec::distribution::Reference;

use crate::error::{Class, Problem, Result};
use crate::model::Digest;

/// The registry that names without a host belong to.
const DOCKER_HUB: &str = "docker.io";

/// The name space of Docker Hub's own images, which nobody writes.
const HUB_LIBRARY: &str = "library/";

/// The name of an image, whole: registry, repository, and a tag or digest.
///
/// `nginx`, `nginx:latest`, `docker.io/nginx` and `docker.io/library/nginx:latest` are one name; it is shown and
/// stored in the shortest form that has a tag, `nginx:latest`. The grammar is the distribution project's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImageReference(Reference);

impl ImageReference {
    /// Returns the registry's host and port; `docker.io` when none was written.
    pub fn registry(&self) -> &str {
        self.0.registry()
    }

    /// Returns the repository as its registry knows it, `library/nginx` for `nginx`.
    ///
    /// This is also the repository under which the image lies in a cluster's own registry, whose paths have the
    /// upstream host stripped.
    pub fn repository(&self) -> &str {
        self.0.repository()
    }

    /// Returns the tag, if the name has one; a name with a digest may have none.
    pub fn tag(&self) -> Option<&str> {
        self.0.tag()
    }

    /// Returns the digest the name pins its content to.
    pub fn digest(&self) -> Option<Digest> {
        self.0.digest().and_then(|digest| digest.parse().ok())
    }

    /// Returns the name as registry clients take it.
    pub fn upstream(&self) -> &Reference {
        &self.0
    }

    /// Returns the name without tag and digest, short: `nginx`, `registry.k8s.io/pause`.
    pub fn short_repository(&self) -> String {
        if self.registry() == DOCKER_HUB {
            let repository = self.repository();
            let short = repository.strip_prefix(HUB_LIBRARY).filter(|rest| !rest.contains('/'));
            short.unwrap_or(repository).to_owned()
        } else {
            format!("{}/{}", self.registry(), self.repository())
        }
    }
}

impl FromStr for ImageReference {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |why: String| {
            Problem::new(Class::Config, format!("`{text}` is not the name of an image"))
                .saw(why)
                .remedy("write it like `kubernetes:v1.36.3` or `registry.k8s.io/pause:3.10.2`, in lower case")
        };
        let reference: Reference = text.parse().map_err(|error| wrong(format!("{error}")))?;
        if let Some(digest) = reference.digest() {
            digest.parse::<Digest>().map_err(|problem| wrong(problem.to_string()))?;
        }
        // Docker Hub answers to several names; one of them is enough for the store.
        let hub = matches!(reference.registry(), "index.docker.io" | "registry-1.docker.io");
        if !hub {
            return Ok(Self(reference));
        }
        let repository = reference.repository();
        let repository = if repository.contains('/') {
            repository.to_owned()
        } else {
            format!("{HUB_LIBRARY}{repository}")
        };
        let registry = DOCKER_HUB.to_owned();
        Ok(Self(match (reference.tag(), reference.digest()) {
            (Some(tag), Some(digest)) => {
                Reference::with_tag_and_digest(registry, repository, tag.to_owned(), digest.to_owned())
            }
            (None, Some(digest)) => Reference::with_digest(registry, repository, digest.to_owned()),
            (tag, None) => Reference::with_tag(registry, repository, tag.unwrap_or("latest").to_owned()),
        }))
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short_repository())?;
        if let Some(tag) = self.tag() {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = self.0.digest() {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_short_and_stored_whole() {
        for (text, shown, repository) in [
            ("nginx", "nginx:latest", "library/nginx"),
            ("docker.io/library/nginx:1.27", "nginx:1.27", "library/nginx"),
            ("docker.io/nginx", "nginx:latest", "library/nginx"),
            ("index.docker.io/nginx", "nginx:latest", "library/nginx"),
            ("kubernetes:v1.36.3", "kubernetes:v1.36.3", "library/kubernetes"),
            ("a/b:c", "a/b:c", "a/b"),
            ("docker.io/calico/node:v3", "calico/node:v3", "calico/node"),
            ("registry.k8s.io/pause:3.10.2", "registry.k8s.io/pause:3.10.2", "pause"),
            ("registry.k8s.io/coredns/coredns", "registry.k8s.io/coredns/coredns:latest", "coredns/coredns"),
            ("localhost:5000/x/y:1", "localhost:5000/x/y:1", "x/y"),
            ("localhost/x:1", "localhost/x:1", "x"),
        ] {
            let reference: ImageReference = text.parse().unwrap();
            assert_eq!(
                (reference.to_string().as_str(), reference.repository()),
                (shown, repository),
                "{text}"
            );
            assert_eq!(shown.parse::<ImageReference>().unwrap(), reference, "{text} reads back");
        }
    }

    #[test]
    fn a_digest_is_kept() {
        let digest = Digest::of(b"x");
        let reference: ImageReference = format!("registry.k8s.io/pause:3.9@{digest}").parse().unwrap();
        assert_eq!((reference.digest(), reference.tag()), (Some(digest), Some("3.9")));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in ["", "Nginx", "a b", "../x", "a:b:c", "a@sha256:1", "x:", ":x", "a/../b", "-x"] {
            assert!(text.parse::<ImageReference>().is_err(), "{text}");
        }
    }
}
