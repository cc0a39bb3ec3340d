//! Where a value of a configuration comes from.

use std::fmt;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// sealift's own defaults.
    BuiltIn,
    /// The image's `etc/kubeadm.yml`.
    Image,
    /// A document of a Clusterfile: where it stands there, `file:line:column`, or which document it is.
    Clusterfile(String),
    /// sealift has computed it: why it is so.
    Computed(&'static str),
}

impl Origin {
    /// Tells whether somebody outside of sealift wrote it.
    pub(super) fn is_written(&self) -> bool {
        matches!(self, Self::Image | Self::Clusterfile(_))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built-in"),
            Self::Image => f.write_str("the image's etc/kubeadm.yml"),
            Self::Clusterfile(place) => f.write_str(place),
            Self::Computed(why) => write!(f, "computed: {why}"),
        }
    }
}
