//! The JSON Schema of the native form, for editors and for other programs.

use schemars::generate::{Contract, SchemaSettings};

use super::types::Clusterfile;

/// Returns the JSON Schema of the native form, pretty and with a newline at its end.
pub fn schema() -> String {
    let mut settings = SchemaSettings::draft2020_12();
    // Fields that are left out when they are empty need not be there.
    settings.contract = Contract::Serialize;
    let schema = settings.into_generator().into_root_schema_for::<Clusterfile>();
    format!("{:#}\n", schema.as_value())
}
