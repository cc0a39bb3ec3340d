//! The difference between what is desired and what is observed, as plain data.
