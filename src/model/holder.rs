//! Who holds a cluster's lock, for those who find it held.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The run that holds a lock, as its operator told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The person: the name they are logged in by.
    pub user: String,
    /// The host name of the machine that the command runs on.
    pub host: String,
    /// The command's process there.
    pub process: u32,
    /// Where the machine that keeps the lock saw the connection come from, when it could tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The run's id; no two runs share it.
    pub run: String,
    /// What is being done: `run kubernetes:v1.36.3`.
    pub command: String,
    /// When the run began, RFC 3339, by the operator's clock.
    pub since: String,
}

impl fmt::Display for Holder {
    /// Says who, from where, with what and since when, in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.user, self.host)?;
        if let Some(address) = &self.address {
            write!(f, " ({address})")?;
        }
        write!(f, ", process {}: `{}` since {}, run {}", self.process, self.command, self.since, self.run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_told_in_one_line() {
        let holder = Holder {
            user: "root".to_owned(),
            host: "desk".to_owned(),
            process: 42,
            address: Some("10.0.0.9".to_owned()),
            run: "r1".to_owned(),
            command: "delete blue".to_owned(),
            since: "2026-01-01T00:00:00Z".to_owned(),
        };
        assert_eq!(
            holder.to_string(),
            "root@desk (10.0.0.9), process 42: `delete blue` since 2026-01-01T00:00:00Z, run r1"
        );
    }
}
