//! Files that are cut short, flipped or gone.
