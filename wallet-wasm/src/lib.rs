//! The wallet for browsers and Node.js: what crosses the border between JavaScript and the crate `chaincore-wallet`.
