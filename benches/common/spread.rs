//! Repetitions taken together: the median, the least and the most.

/// Returns the middle one; of an even number the mean of both in the middle.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        count if count % 2 == 1 => sorted[count / 2],
        count => f64::midpoint(sorted[count / 2 - 1], sorted[count / 2]),
    }
}

/// `41.7 s (41.5-49.3)`: the median, the least and the most.
pub(crate) fn spread(values: &[f64], unit: &str) -> String {
    spread_to(values, unit, 1)
}

/// The same with so many digits after the point.
pub(crate) fn spread_to(values: &[f64], unit: &str, digits: usize) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(0.0, f64::max);
    let middle = median(values);
    match values.len() {
        1 => format!("{middle:.digits$}{unit}"),
        _ => format!("{middle:.digits$}{unit} ({least:.digits$}-{most:.digits$})"),
    }
}
