//! Templates that cannot be made.

use crate::template::TemplateError;

/// Tells the log why there is no work for anybody: once for each reason, however often it is tried.
#[derive(Debug, Default)]
pub(crate) struct Refused(String);

impl Refused {
    /// Logs a failure that is not the same as the last.
    pub(crate) fn log(&mut self, error: &TemplateError) {
        if self.is_news(error.to_string()) {
            tracing::warn!(target: "mining", "there is no work for miners: {error}");
        }
    }

    fn is_news(&mut self, reason: String) -> bool {
        let news = self.0 != reason;
        self.0 = reason;
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_told_once() {
        let mut refused = Refused::default();
        let told: Vec<bool> = ["a", "a", "b", "b", "a"].map(|reason| refused.is_news(reason.into())).to_vec();
        assert_eq!(told, [true, false, true, false, true]);
    }
}
