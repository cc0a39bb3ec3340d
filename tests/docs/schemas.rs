//! The published schemas: what the program says of its formats is what stands in `docs/schemas/`.

use std::fs;
use std::path::Path;

/// Run with `SEALIFT_UPDATE_SCHEMAS=1` to write the files anew.
#[test]
fn the_published_schemas_are_current() {
    let schemas = [
        ("clusterfile", sealift::clusterfile::schema()),
        ("events", sealift::ui::event_schema()),
        ("plan", sealift::plan::schema()),
    ];
    for (name, schema) in schemas {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/schemas/{name}.schema.json"));
        if std::env::var_os("SEALIFT_UPDATE_SCHEMAS").is_some() {
            fs::write(&path, &schema).unwrap();
        }
        let published = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            published, schema,
            "{name}: run the tests with SEALIFT_UPDATE_SCHEMAS=1 and look at the difference"
        );
    }
}
