//! How well a threshold tells two kinds of answers apart by their times.

/// The area under the ROC curve of the best-sided threshold, by the Mann-Whitney statistic: 0.5 is
/// guessing, 1 is knowing. Equal times count half.
pub(crate) fn auc(one: &[f64], other: &[f64]) -> f64 {
    let mut all: Vec<(f64, bool)> = one.iter().map(|time| (*time, true)).collect();
    all.extend(other.iter().map(|time| (*time, false)));
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut ranks = 0.0;
    let mut at = 0;
    while at < all.len() {
        let equal = all[at..].iter().take_while(|it| it.0 == all[at].0).count();
        let rank = at as f64 + (equal as f64 + 1.0) / 2.0;
        let ones = all[at..at + equal].iter().filter(|it| it.1).count();
        ranks += rank * ones as f64;
        at += equal;
    }
    let (ones, others) = (one.len() as f64, other.len() as f64);
    let larger = (ranks - ones * (ones + 1.0) / 2.0) / (ones * others);
    larger.max(1.0 - larger)
}

/// The middle of each run of `count` times.
pub(crate) fn middles(times: &[f64], count: usize) -> Vec<f64> {
    let runs = times.chunks_exact(count);
    runs.map(|run| percentile(run, 50)).collect()
}

/// A percentile, nearest rank.
pub(crate) fn percentile(times: &[f64], percent: usize) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_alike_is_a_coin_and_what_is_apart_is_known() {
        assert_eq!(auc(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0]), 0.5);
        assert_eq!(auc(&[1.0; 5], &[1.0; 9]), 0.5);
        assert_eq!(auc(&[1.0, 2.0], &[3.0, 4.0, 5.0]), 1.0);
        assert_eq!(auc(&[3.0, 4.0, 5.0], &[1.0, 2.0]), 1.0);
        assert_eq!(auc(&[1.0, 3.0], &[2.0, 4.0]), 0.75);
    }

    #[test]
    fn a_middle_stands_for_each_whole_run() {
        assert_eq!(middles(&[1.0, 9.0, 2.0, 5.0, 4.0, 6.0, 7.0], 3), [2.0, 5.0]);
    }
}
