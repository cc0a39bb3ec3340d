//! How a file is written, by its name.

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Yaml,
    Json,
    Toml,
    /// Nobody knows.
    Plain,
}

impl Format {
    /// Returns the format of a file; a template's is that of what it makes.
    pub(super) fn of(path: &str) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path);
        let name = name.strip_suffix(".tmpl").unwrap_or(name);
        match name.rsplit_once('.').map(|(_, end)| end) {
            Some("yaml" | "yml") => Self::Yaml,
            Some("json") => Self::Json,
            Some("toml") => Self::Toml,
            _ => Self::Plain,
        }
    }
}
