//! What has to change on a Node until it is as its operator wishes. What others set there is theirs.

use std::collections::{BTreeMap, BTreeSet};

use super::{NodeFacts, NodeWishes, Taint, TaintKey};

/// The difference between a Node and the wishes for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeChange {
    /// Labels to set; `None` removes one.
    pub labels: BTreeMap<String, Option<String>>,
    /// Taints to set, in place of those of the same key and effect.
    pub set_taints: Vec<Taint>,
    /// Taints to remove, each with its effect.
    pub remove_taints: Vec<TaintKey>,
    /// Whether pods are to be put there again: it was closed for a removal that is not wished any more.
    pub uncordon: bool,
    /// The labels that are ours afterwards.
    pub our_labels: BTreeSet<String>,
    /// The taints that are ours afterwards.
    pub our_taints: BTreeSet<TaintKey>,
}

impl NodeChange {
    /// Compares. What is there already as wished stays whose it is: only what we set is ours to remove later.
    pub fn between(wishes: &NodeWishes, node: &NodeFacts) -> Self {
        let mut change = Self { uncordon: node.ours.cordon, ..Self::default() };
        change.compare_labels(wishes, node);
        change.compare_taints(wishes, node);
        change
    }

    /// Tells whether the Node is as wished.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
            && self.set_taints.is_empty()
            && self.remove_taints.is_empty()
            && !self.uncordon
    }

    fn compare_labels(&mut self, wishes: &NodeWishes, node: &NodeFacts) {
        for (key, value) in &wishes.labels {
            if node.labels.get(key) != Some(value) {
                self.labels.insert(key.clone(), Some(value.clone()));
                self.our_labels.insert(key.clone());
            } else if node.ours.labels.contains(key) {
                self.our_labels.insert(key.clone());
            }
        }
        let given_up = node.ours.labels.iter().filter(|key| !wishes.labels.contains_key(*key));
        self.labels.extend(given_up.map(|key| (key.clone(), None)));
    }

    fn compare_taints(&mut self, wishes: &NodeWishes, node: &NodeFacts) {
        for taint in &wishes.taints {
            if !node.taints.contains(taint) {
                self.set_taints.push(taint.clone());
                self.our_taints.insert(taint.key());
            } else if node.ours.taints.contains(&taint.key()) {
                self.our_taints.insert(taint.key());
            }
        }
        let wished = |key: &TaintKey| wishes.taints.iter().any(|taint| taint.key() == *key);
        let refused = |taint: &Taint| wishes.without_taints.iter().any(|key| key.covers(taint));
        let given_up = node.ours.taints.iter().filter(|key| !wished(key)).cloned();
        let unwanted = node.taints.iter().filter(|taint| refused(taint)).map(Taint::key);
        let remove: BTreeSet<TaintKey> = given_up.chain(unwanted.filter(|key| !wished(key))).collect();
        self.remove_taints = remove.into_iter().collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{OursOnNode, TaintEffect};

    fn taint(key: &str, value: &str, effect: TaintEffect) -> Taint {
        Taint { key: key.to_owned(), value: value.to_owned(), effect }
    }

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn node() -> NodeFacts {
        NodeFacts {
            labels: labels(&[("theirs", "1"), ("ours", "1"), ("old", "1")]),
            taints: vec![
                taint("theirs", "", TaintEffect::NoSchedule),
                taint("ours", "a", TaintEffect::NoExecute),
                taint("ours", "b", TaintEffect::NoSchedule),
            ],
            ours: OursOnNode {
                labels: ["ours".to_owned(), "old".to_owned()].into(),
                taints: [taint("ours", "", TaintEffect::NoExecute).key()].into(),
                cordon: false,
            },
            ..NodeFacts::default()
        }
    }

    #[test]
    fn what_is_as_wished_needs_no_change_and_stays_whose_it_is() {
        let wishes = NodeWishes {
            labels: labels(&[("theirs", "1"), ("ours", "1"), ("old", "1")]),
            taints: vec![
                taint("theirs", "", TaintEffect::NoSchedule),
                taint("ours", "a", TaintEffect::NoExecute),
            ],
            ..NodeWishes::default()
        };
        let change = NodeChange::between(&wishes, &node());
        assert!(change.is_empty(), "{change:?}");
        assert_eq!((change.our_labels, change.our_taints), (node().ours.labels, node().ours.taints));
    }

    #[test]
    fn only_what_was_ours_is_removed_when_it_is_not_wished_any_more() {
        let change = NodeChange::between(&NodeWishes::default(), &node());
        assert_eq!(change.labels, BTreeMap::from([("ours".to_owned(), None), ("old".to_owned(), None)]));
        assert_eq!(change.remove_taints, [taint("ours", "", TaintEffect::NoExecute).key()]);
        assert!(change.set_taints.is_empty() && change.our_labels.is_empty() && change.our_taints.is_empty());
    }

    #[test]
    fn what_differs_is_set_and_ours_from_then_on() {
        let wishes = NodeWishes {
            labels: labels(&[("theirs", "2"), ("new", "1")]),
            taints: vec![taint("ours", "c", TaintEffect::NoSchedule)],
            ..NodeWishes::default()
        };
        let change = NodeChange::between(&wishes, &node());
        assert_eq!(change.labels["theirs"].as_deref(), Some("2"));
        assert_eq!(change.our_labels, BTreeSet::from(["theirs".to_owned(), "new".to_owned()]));
        assert_eq!(change.set_taints, wishes.taints);
        assert_eq!(change.our_taints, BTreeSet::from([wishes.taints[0].key()]));
    }

    #[test]
    fn taints_that_must_not_be_go_whoever_set_them() {
        let without = |key: &str, effect| TaintKey { key: key.to_owned(), effect };
        let wishes = |keys: Vec<TaintKey>| NodeWishes { without_taints: keys, ..NodeWishes::default() };
        let ours = taint("ours", "", TaintEffect::NoExecute).key();
        let all = NodeChange::between(&wishes(vec![without("theirs", None)]), &node());
        assert_eq!(all.remove_taints, [ours.clone(), taint("theirs", "", TaintEffect::NoSchedule).key()]);
        let other = wishes(vec![without("theirs", Some(TaintEffect::NoExecute))]);
        assert_eq!(NodeChange::between(&other, &node()).remove_taints, [ours]);
    }

    #[test]
    fn a_node_that_we_closed_is_opened_again_and_one_that_others_closed_is_not() {
        let closed = |cordon| {
            let mut node = NodeFacts { cordoned: true, ..NodeFacts::default() };
            node.ours.cordon = cordon;
            NodeChange::between(&NodeWishes::default(), &node)
        };
        assert!(closed(true).uncordon && !closed(true).is_empty());
        assert!(closed(false).is_empty());
    }
}
