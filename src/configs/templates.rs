//! Which files of an image are templates, and which files they make.

/// The folders of an image whose templates are rendered.
pub const FOLDERS: [&str; 6] = ["application", "charts", "etc", "manifests", "scripts", "statics"];

const SUFFIX: &str = ".tmpl";

/// Returns the file that a template makes; `None` is no template.
///
/// What lies in the folders of a Helm chart is Helm's: there, only the files beside `Chart.yaml` are rendered.
/// `is_chart` tells whether a folder has one.
pub fn target(path: &str, is_chart: impl Fn(&str) -> bool) -> Option<&str> {
    let target = path.strip_suffix(SUFFIX).filter(|target| !target.is_empty() && !target.ends_with('/'))?;
    let (folder, _) = path.split_once('/')?;
    if !FOLDERS.contains(&folder) {
        return None;
    }
    let own = path.rfind('/').map_or("", |slash| &path[..slash]);
    let above = own.match_indices('/').map(|(slash, _)| &own[..slash]);
    let may_be_helms = matches!(folder, "application" | "charts");
    if may_be_helms && above.into_iter().any(is_chart) { None } else { Some(target) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_files_of_the_folders_that_are_not_helms() {
        let is_chart = |folder: &str| matches!(folder, "charts/calico" | "application/apps/chart");
        for (path, made) in [
            ("etc/config.toml.tmpl", Some("etc/config.toml")),
            ("etc/deep/er/b.tmpl", Some("etc/deep/er/b")),
            ("charts/calico.values.yaml.tmpl", Some("charts/calico.values.yaml")),
            ("charts/calico/values.yaml.tmpl", Some("charts/calico/values.yaml")),
            ("charts/calico/templates/alerts.tmpl", None),
            ("charts/calico/files/x.tmpl", None),
            ("application/apps/web/web.yaml.tmpl", Some("application/apps/web/web.yaml")),
            ("application/apps/chart/templates/a.tmpl", None),
            ("statics/audit.yml.tmpl", Some("statics/audit.yml")),
            ("opt/x.tmpl", None),
            ("x.tmpl", None),
            ("etc/.tmpl", None),
            ("etc/x.tpl", None),
        ] {
            assert_eq!(target(path, is_chart), made, "{path}");
        }
    }
}
