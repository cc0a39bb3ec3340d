//! Work that blocks, beside the conversation with the operator, and what is awaited within such work.

use crate::error::{Class, Context, Result};

/// Runs what blocks on a thread of its own.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.problem(Class::Internal, "the agent broke")?
}

/// Awaits something within work that blocks. Must not be called from an asynchronous task.
pub(super) fn now<T>(awaited: impl AsyncFnOnce() -> Result<T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.problem(Class::Machine, "cannot start a runtime")?.block_on(awaited())
}
