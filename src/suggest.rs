//! "Did you mean": what is near a word that is not known.

/// How alike two words must be, from 0 to 1.
const ALIKE: f32 = 0.6;

/// Returns the known words nearest to `word`, best first, three at most.
pub(crate) fn near<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let known: Vec<&str> = known.into_iter().collect();
    similar::get_close_matches(word, &known, 3, ALIKE)
}

/// Returns the sentence that offers the nearest known words; `None` when nothing is near.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let near = near(word, known);
    let quoted: Vec<String> = near.iter().map(|word| format!("`{word}`")).collect();
    (!quoted.is_empty()).then(|| format!("did you mean {}?", quoted.join(" or ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_offered_and_far_ones_are_not() {
        let known = ["kubernetes:v1.36.3", "calico:v3.30", "ENTRYPOINT"];
        assert_eq!(did_you_mean("ENTRYPONT", known).unwrap(), "did you mean `ENTRYPOINT`?");
        assert_eq!(did_you_mean("kubernetes:v1.36.2", known).unwrap(), "did you mean `kubernetes:v1.36.3`?");
        assert_eq!(did_you_mean("zzz", known), None);
    }
}
