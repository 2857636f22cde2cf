//! Annotation against bytes that nobody thought of.

#![allow(clippy::unwrap_used)] // the lint knows test functions, not what they share

mod fuzzing;

/// What the fuzzer starts from, and what broke something once.
fn corpus() -> Vec<Vec<u8>> {
    let fuzz = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let folders = ["corpus", "found"].map(|kind| fuzz.join(kind).join("annotate"));
    let files = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten();
    files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
}

#[test]
fn what_the_fuzzer_found_is_tried_again() {
    let corpus = corpus();
    assert!(corpus.len() >= 9, "the corpus is not where it was");
    corpus.iter().for_each(|input| fuzzing::follow_bytes(input));
}

#[test]
fn changed_frames_break_nothing() {
    let corpus = corpus();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for _ in 0..20_000 {
        let mut input = corpus[next(corpus.len())].clone();
        for _ in 0..next(5) {
            let at = next(input.len().max(1));
            match next(4) {
                0 => input.truncate(at),
                1 => input.insert(at.min(input.len()), next(256) as u8),
                _ if at < input.len() => input[at] ^= 1 << next(8),
                _ => {}
            }
        }
        fuzzing::follow_bytes(&input);
    }
}
