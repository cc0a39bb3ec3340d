//! The typed messages between operator and agent, and their framing.
