//! Black-box tests of the real binaries, and the layering test.
