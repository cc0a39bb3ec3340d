//! Names in /etc/hosts, and care behind them.

use crate::agent::command::Tell;
use crate::agent::{care, hosts, receipts};
use crate::error::Result;
use crate::wire::EndpointsWork;

pub(super) fn carry_out(work: &EndpointsWork, tell: Tell<'_>) -> Result<()> {
    receipts::withdraw("endpoints")?;
    hosts::set(&work.hosts)?;
    care::configure(&work.care)?;
    care::start(tell)?;
    receipts::write("endpoints", &work.receipt)
}
