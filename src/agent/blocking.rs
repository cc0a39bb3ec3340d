//! Work that blocks, beside the conversation with the operator.

use crate::error::{Class, Context, Result};

/// Runs what blocks on a thread of its own.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.problem(Class::Internal, "the agent broke")?
}
