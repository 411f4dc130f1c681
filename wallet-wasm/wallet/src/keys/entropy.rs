//! Random bytes: the only place that asks for them.

/// Why there are no random bytes. Nothing else is used in their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntropyError {
    /// The system (in a page: `crypto.getRandomValues`) failed.
    #[error("the system gives no random bytes")]
    Unavailable,
    /// The system answered with nothing but equal bytes, as broken or replaced sources do.
    #[error("the system's random bytes are all the same")]
    Constant,
}

/// Fills a buffer with the system's random bytes. Fails rather than fall back on anything weaker, and wipes the buffer
/// then; refuses a buffer of 16 bytes or more that came back with one and the same byte throughout (chance: 2^-120).
pub fn fill_random(bytes: &mut [u8]) -> Result<(), EntropyError> {
    fill_from(bytes, |bytes| getrandom::fill(bytes).map_err(|_| EntropyError::Unavailable))
}

fn fill_from(
    bytes: &mut [u8],
    source: impl FnOnce(&mut [u8]) -> Result<(), EntropyError>,
) -> Result<(), EntropyError> {
    let filled = source(bytes).and_then(|()| match bytes {
        [first, rest @ ..] if rest.len() >= 15 && rest.iter().all(|byte| byte == first) => {
            Err(EntropyError::Constant)
        }
        _ => Ok(()),
    });
    if filled.is_err() {
        zeroize::Zeroize::zeroize(bytes);
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_source_is_no_source() {
        let mut bytes = [7; 32];
        assert_eq!(fill_from(&mut bytes, |_| Err(EntropyError::Unavailable)), Err(EntropyError::Unavailable));
        assert_eq!(bytes, [0; 32], "nothing that could be taken for random is left");
        for constant in [0, 0xff, 0x42] {
            let source = |bytes: &mut [u8]| {
                bytes.fill(constant);
                Ok(())
            };
            assert_eq!(fill_from(&mut [1; 16], source), Err(EntropyError::Constant), "{constant}");
        }
        // A source that forgets its last half leaves what was there before: callers hand in zeros.
        let half = |bytes: &mut [u8]| {
            bytes[0] = 1;
            Ok(())
        };
        assert_eq!(fill_from(&mut [0; 16], half), Ok(()), "not every fault can be seen");
    }

    #[test]
    fn the_system_s_bytes_differ() {
        let (mut one, mut two) = ([0; 32], [0; 32]);
        fill_random(&mut one).unwrap();
        fill_random(&mut two).unwrap();
        assert_ne!(one, two);
    }
}
