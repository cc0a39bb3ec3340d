//! The only code that writes to the terminal: progress, tables, questions and reports.

mod board;
mod clock;
mod column;
mod json;
mod line;
mod lines;
mod listing;
mod live;
mod log;
mod measure;
mod palette;
mod plan;
mod printer;
mod problems;
mod progress;
mod question;
mod report;
mod sanitise;
mod screen;
mod sink;
mod status;
mod table;
mod terminal;
mod texts;

pub use json::event_schema;
pub use log::LogWriter;
pub use plan::text as plan_text;
pub use printer::{
    Assent, Output, Printer, Streams, Surroundings, VariableSource, Verbosity, Wanted, columns_of_output,
};
pub use question::restore_terminal;
pub use screen::{Size, SizeSource};
pub use status::text as status_text;
pub use table::Table;
pub use terminal::Terminal;

#[cfg(test)]
mod gallery;
