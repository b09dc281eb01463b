//! Waits for counts that change no more.

use std::time::Duration;

use crate::Result;

/// Waits until a count is the same after `pause` as it was before; the count.
///
/// # Errors
/// If it still changes after `within`, or cannot be taken.
pub(super) async fn until_same<T: PartialEq>(
    pause: Duration,
    within: Duration,
    count: impl Fn() -> Result<T>,
) -> Result<T> {
    let same = async {
        let mut known = count()?;
        loop {
            tokio::time::sleep(pause).await;
            let later = count()?;
            if later == known {
                return Ok(later);
            }
            known = later;
        }
    };
    let ended = tokio::time::timeout(within, same).await;
    ended.unwrap_or_else(|_| Err(format!("what is counted still changes after {within:?}").into()))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn a_count_is_taken_when_it_stands_still() {
        let told = Cell::new(0);
        let count = || Ok(told.replace((told.get() + 1).min(3)));
        assert_eq!(until_same(Duration::ZERO, Duration::from_secs(60), count).await.unwrap(), 3);
    }

    #[tokio::test]
    async fn a_count_that_never_stands_still_is_an_error() {
        let told = Cell::new(0);
        let count = || Ok(told.replace(told.get() + 1));
        let error = until_same(Duration::ZERO, Duration::from_millis(20), count).await.unwrap_err();
        assert_eq!(error.to_string(), "what is counted still changes after 20ms");
    }

    #[tokio::test]
    async fn a_count_that_cannot_be_taken_ends_the_wait() {
        let count = || Err::<u64, _>("no log".into());
        let error = until_same(Duration::ZERO, Duration::from_secs(60), count).await.unwrap_err();
        assert_eq!(error.to_string(), "no log");
    }
}
