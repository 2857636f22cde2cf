//! Frames, chunks and cells as bytes.
