//! The only code that writes to the terminal: progress, tables, questions and reports.
