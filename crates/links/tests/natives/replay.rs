//! What the fuzzer has found worth keeping, and what broke something once, as it is.

use std::path::Path;

use crate::fuzzing::announce_bytes;

#[test]
fn announcements() {
    let mut seen = 0;
    for folder in ["corpus", "found"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(folder).join("discovery_announce");
        // A target that broke nothing has no folder in `found`.
        for entry in folder.read_dir().into_iter().flatten().map(Result::unwrap) {
            println!("{}", entry.path().display());
            announce_bytes(&std::fs::read(entry.path()).unwrap());
            seen += 1;
        }
    }
    assert!(seen > 20, "the corpus of discovery_announce is lost");
}
