//! The JSON Schema of the native form, for editors and for other programs.

use schemars::generate::{Contract, SchemaSettings};

use super::config::Document;

/// Returns the JSON Schema of a document of the native form, a Cluster or a Config, pretty and with a newline at its end.
pub fn schema() -> String {
    let mut settings = SchemaSettings::draft2020_12();
    // Fields that are left out when they are empty need not be there.
    settings.contract = Contract::Serialize;
    let schema = settings.into_generator().into_root_schema_for::<Document>();
    format!("{:#}\n", schema.as_value())
}
