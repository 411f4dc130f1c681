//! Which form of a file a client takes (`Accept-Encoding`, RFC 9110 section 12.5.3).

/// The compressed forms that a file can have beside it: the coding's name and the ending of the file's name, the
/// smaller form first.
pub(super) const CODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// Whether an `Accept-Encoding` header takes a coding: by name, or by `*` if it is not named.
pub(super) fn accepts(header: &str, coding: &str) -> bool {
    let mut by_star = false;
    for item in header.split(',') {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let refused = parts.any(|part| {
            let quality = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
            quality.is_some_and(|quality| quality.trim().parse().is_ok_and(|quality: f32| quality <= 0.0))
        });
        if name.eq_ignore_ascii_case(coding) || (coding == "gzip" && name.eq_ignore_ascii_case("x-gzip")) {
            return !refused;
        }
        if name == "*" {
            by_star = !refused;
        }
    }
    by_star
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_not_sent() {
        for (header, br, gzip) in [
            ("", false, false),
            ("gzip, deflate, br, zstd", true, true),
            ("gzip", false, true),
            ("GZIP;q=0.5, BR ; q=1.0", true, true),
            ("br;q=0, gzip", false, true),
            ("br; q=0.000 , *", false, true),
            ("*", true, true),
            ("*;q=0", false, false),
            ("identity, *;q=0, gzip;q=0.1", false, true),
            ("x-gzip", false, true),
            ("brotli, gzipped", false, false),
            (";;;q=,,br;q=nonsense", true, false),
        ] {
            assert_eq!((accepts(header, "br"), accepts(header, "gzip")), (br, gzip), "{header}");
        }
    }
}
