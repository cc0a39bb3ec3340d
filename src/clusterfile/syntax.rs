//! Text to trees: anchors, merge keys and duplicate keys, within limits that no honest file meets.

use std::collections::HashMap;
use std::rc::Rc;

use serde_saphyr::granit_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag, options};

use super::ledger::{Finding, Ledger};
use super::node::{Content, Entry, Node};
use super::place::Place;
use super::syntax_error;

/// So many values may a file have, those counted again that an alias repeats.
const MOST_VALUES: usize = 300_000;

/// So deep may lists and mappings stand in each other.
const DEEPEST: usize = 60;

/// So many documents are told that they are not YAML.
const MOST_BROKEN: usize = 10;

/// The key that takes over the entries of another mapping.
const MERGE_KEY: &str = "<<";

/// Whether everything that a file holds could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wholeness {
    /// It could.
    Whole,
    /// Parts of it are missing from the trees.
    Broken,
}

/// Reads all documents of a text; those without content are left out.
pub(super) fn documents(ledger: &Ledger, text: usize) -> (Vec<Rc<Node>>, Wholeness) {
    let source = &ledger.text(text).text;
    let options = options! {
        emit_comments: false, flow_nesting_limit: DEEPEST, block_nesting_limit: DEEPEST, emit_unresolved_aliases: true,
    };
    let mut parser = Parser::new_from_str_with_options(source, options);
    let mut documents = vec![];
    let mut broken = 0;
    let mut tree = Tree::new(ledger, text);
    loop {
        match parser.next() {
            None => break,
            Some(Ok((event, span))) => match tree.take(event, span) {
                Ok(None) => {}
                Ok(Some(document)) => documents.extend((!document.is_null()).then_some(document)),
                Err(TooMuch) => return (documents, Wholeness::Broken),
            },
            Some(Err(error)) => {
                broken += 1;
                ledger.error(syntax_error::finding(
                    source,
                    text,
                    error.kind(),
                    offset(source, error.marker()),
                ));
                tree = Tree { values: tree.values, ..Tree::new(ledger, text) };
                if broken == MOST_BROKEN || !matches!(parser.proceed_next_document(), Ok(true)) {
                    break;
                }
            }
        }
    }
    (documents, if broken == 0 { Wholeness::Whole } else { Wholeness::Broken })
}

/// The file is larger than any honest one; that is told already.
struct TooMuch;

/// The byte that a marker points at.
fn offset(source: &str, marker: &Marker) -> usize {
    marker.byte_offset().unwrap_or_else(|| {
        source.char_indices().nth(marker.index()).map_or(source.len(), |(offset, _)| offset)
    })
}

/// A document that is being read.
struct Tree<'a> {
    ledger: &'a Ledger,
    text: usize,
    open: Vec<Open>,
    anchors: HashMap<usize, (Rc<Node>, usize)>,
    /// How many values the file has so far.
    values: usize,
}

/// A list or mapping whose end has not come.
struct Open {
    place: Place,
    anchor: usize,
    /// How many values there were before it.
    before: usize,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Rc<Node>>),
    Map {
        entries: Vec<Entry>,
        places: HashMap<String, Place>,
        merged: Vec<Entry>,
        key: Option<(Option<String>, Place)>,
    },
}

impl<'a> Tree<'a> {
    fn new(ledger: &'a Ledger, text: usize) -> Self {
        Self { ledger, text, open: vec![], anchors: HashMap::new(), values: 0 }
    }

    /// Takes the next event; returns a document that is whole.
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<Option<Rc<Node>>, TooMuch> {
        let place = self.place(&span);
        match event {
            Event::DocumentStart(..) => self.anchors.clear(),
            Event::Scalar(text, style, anchor, tag) => {
                self.count(1, place)?;
                let content = self.scalar(text.into_owned(), style, tag.as_deref(), self.tag_place(&span));
                return Ok(self.add(Node::new(place, content), anchor, 1));
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_other(tag.as_deref(), self.tag_place(&span));
                self.collection(place, anchor, OpenKind::List(vec![]))?;
            }
            Event::MappingStart(_, anchor, tag) => {
                let kind =
                    OpenKind::Map { entries: vec![], places: HashMap::new(), merged: vec![], key: None };
                self.refuse_other(tag.as_deref(), self.tag_place(&span));
                self.collection(place, anchor, kind)?;
            }
            Event::SequenceEnd | Event::MappingEnd => return Ok(self.close(place)),
            Event::Alias(anchor) => {
                let (node, weight) = match self.anchors.get(&anchor) {
                    Some((node, weight)) => (node.clone(), *weight),
                    None => (self.unknown("an anchor that contains itself", place), 1),
                };
                self.count(weight, place)?;
                return Ok(self.add(node, 0, weight));
            }
            Event::UnresolvedAlias(name) => {
                let node = self.unknown(&format!("`*{name}`, which nothing above it is called"), place);
                return Ok(self.add(node, 0, 1));
            }
            _ => {}
        }
        Ok(None)
    }

    fn place(&self, span: &Span) -> Place {
        let source = &self.ledger.text(self.text).text;
        Place { text: self.text, start: offset(source, &span.start), end: offset(source, &span.end) }
    }

    fn tag_place(&self, span: &Span) -> Place {
        span.tag_span().map_or_else(|| self.place(span), |tag| self.place(&tag))
    }

    fn count(&mut self, more: usize, place: Place) -> Result<(), TooMuch> {
        self.values = self.values.saturating_add(more);
        if self.values <= MOST_VALUES {
            return Ok(());
        }
        let finding = if more > 1 {
            Finding::at(place, format!("the aliases up to here make more than {MOST_VALUES} values"))
                .remedy("write out what is needed; a Clusterfile needs no anchors within anchors")
        } else {
            Finding::at(place, format!("there are more than {MOST_VALUES} values up to here")).remedy(
                "write ranges of addresses as 10.0.0.1-10.0.3.254, and leave out what is no Clusterfile",
            )
        };
        self.ledger.error(finding);
        Err(TooMuch)
    }

    fn unknown(&self, what: &str, place: Place) -> Rc<Node> {
        let finding = Finding::at(place, format!("this is {what}"));
        self.ledger
            .error(finding.remedy("quote a text that begins with `*`; define an anchor above its first use"));
        Node::new(place, Content::Wrong)
    }

    fn scalar(&self, text: String, style: ScalarStyle, tag: Option<&Tag>, place: Place) -> Content {
        match tag {
            Some(tag) if tag.core_suffix() == Some("str") => Content::Quoted(text),
            Some(tag) => {
                self.refuse_tag(tag, place);
                Content::Quoted(text)
            }
            None if style == ScalarStyle::Plain => Content::Plain(text),
            None => Content::Quoted(text),
        }
    }

    fn refuse_tag(&self, tag: &Tag, place: Place) {
        let finding =
            Finding::at(place, format!("the tag `{}` is not read in a Clusterfile", tag.original()));
        self.ledger.error(finding.remedy("leave it out; a text that begins with `!` stands in quotes"));
    }

    /// Refuses a tag of a list or mapping that says more than what it is.
    fn refuse_other(&self, tag: Option<&Tag>, place: Place) {
        if let Some(tag) = tag.filter(|tag| !matches!(tag.core_suffix(), Some("map" | "seq"))) {
            self.refuse_tag(tag, place);
        }
    }

    fn collection(&mut self, place: Place, anchor: usize, kind: OpenKind) -> Result<(), TooMuch> {
        let before = self.values;
        self.count(1, place)?;
        self.open.push(Open { place, anchor, before, kind });
        Ok(())
    }

    fn close(&mut self, end: Place) -> Option<Rc<Node>> {
        let Open { place, anchor, before, kind } = self.open.pop()?;
        let content = match kind {
            OpenKind::List(items) => Content::List(items),
            OpenKind::Map { mut entries, mut places, merged, .. } => {
                // An entry of the mapping itself wins over one that it takes over.
                for entry in merged {
                    if places.insert(entry.key.clone(), entry.place).is_none() {
                        entries.push(entry);
                    }
                }
                Content::Map(entries)
            }
        };
        let node = Node::new(Place { end: end.start.max(place.start), ..place }, content);
        self.add(node, anchor, self.values - before)
    }

    /// Puts a value into what is open; returns it when nothing is, since then it is a document.
    fn add(&mut self, node: Rc<Node>, anchor: usize, weight: usize) -> Option<Rc<Node>> {
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), weight));
        }
        let Some(open) = self.open.last_mut() else { return Some(node) };
        match &mut open.kind {
            OpenKind::List(items) => items.push(node),
            OpenKind::Map { key: key @ None, .. } => *key = Some(key_of(self.ledger, &node)),
            OpenKind::Map { entries, places, merged, key: key @ Some(_) } => {
                let (key, place) = key.take()?;
                // What is no name is told already.
                let key = key?;
                if key == MERGE_KEY {
                    merged.extend(taken_over(self.ledger, &node, place));
                } else if let Some(first) = places.get(&key) {
                    let finding = Finding::at(place, format!("`{key}` stands here a second time"));
                    self.ledger.error(finding.also("the first time", *first).remedy("leave one of them out"));
                } else {
                    places.insert(key.clone(), place);
                    entries.push(Entry { key, place, value: node });
                }
            }
        }
        None
    }
}

/// The text of a key; a key that is none is told.
fn key_of(ledger: &Ledger, node: &Node) -> (Option<String>, Place) {
    match &node.content {
        Content::Plain(text) | Content::Quoted(text) => (Some(text.clone()), node.place),
        Content::Wrong => (None, node.place),
        Content::List(_) | Content::Map(_) => {
            let place = Place { end: node.place.start + 1, ..node.place };
            let finding = Finding::at(place, format!("{} cannot be the name of a field", node.kind()));
            ledger.error(finding.remedy(
                "text in braces or brackets stands in quotes; `{{ }}` is only rendered in files of apps.sealos.io/v1beta1",
            ));
            (None, node.place)
        }
    }
}

/// The entries that `<<` brings.
fn taken_over(ledger: &Ledger, node: &Node, place: Place) -> Vec<Entry> {
    match &node.content {
        Content::Map(entries) => entries.clone(),
        Content::List(items) if items.iter().all(|item| matches!(item.content, Content::Map(_))) => {
            items.iter().flat_map(|item| taken_over(ledger, item, place)).collect()
        }
        _ => {
            let finding =
                Finding::at(place, format!("`<<` takes over a mapping, and this is {}", node.kind()));
            ledger.error(finding.remedy("write `<<: *NAME` with the anchor of a mapping"));
            vec![]
        }
    }
}
