//! Links between pages: the file is there, and so is the heading.

use std::collections::HashMap;
use std::path::Path;

use crate::pages::{self, Page, Place};

#[test]
fn links_lead_to_files_and_headings_of_this_repository() {
    let mut wrong = vec![];
    let mut seen = 0;
    for page in pages::all() {
        let prose = page.lines().into_iter().filter(|line| line.place == Place::Prose);
        for (number, target) in
            prose.flat_map(|line| targets(line.text).into_iter().map(move |t| (line.number, t)))
        {
            seen += 1;
            if let Some(why) = fault(&page, target) {
                wrong.push(format!("{}:{number}: {target}: {why}", page.path.display()));
            }
        }
    }
    assert!(seen > 20, "links are not seen");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Returns what the links of a line point at: `[text](target)`.
fn targets(line: &str) -> Vec<&str> {
    line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target).collect()
}

fn fault(page: &Page, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, heading) =
        target.split_once('#').map_or((target, None), |(file, heading)| (file, Some(heading)));
    let path = match file {
        "" => page.path.clone(),
        file => page.path.parent().unwrap_or(Path::new("")).join(file),
    };
    if !path.exists() {
        return Some("there is no such file".to_owned());
    }
    let heading = heading?;
    let text = std::fs::read_to_string(&path).unwrap();
    let anchors = anchors(&Page { path, text });
    (!anchors.iter().any(|anchor| anchor == heading))
        .then(|| format!("no heading of that name among {}", anchors.join(" ")))
}

/// Returns how headings are called in links: small letters, hyphens for blanks, a number behind those that come again.
fn anchors(page: &Page) -> Vec<String> {
    let mut times: HashMap<String, usize> = HashMap::new();
    let prose = page.lines().into_iter().filter(|line| line.place == Place::Prose);
    prose
        .filter_map(|line| {
            let heading = line.text.strip_prefix('#')?.trim_start_matches('#').strip_prefix(' ')?;
            let kept = heading.trim().to_lowercase();
            let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
            let again = times.entry(anchor.clone()).or_default();
            *again += 1;
            Some(if *again == 1 { anchor } else { format!("{anchor}-{}", *again - 1) })
        })
        .collect()
}
