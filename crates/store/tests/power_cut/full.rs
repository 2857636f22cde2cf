//! A disk that runs full: a batch that does not fit leaves nothing behind, and can be written when there is room.

use housewire_store::{Store, StoreError};

use crate::disk::Disk;
use crate::lives::{Batches, Expected, empty_folder};

#[test]
fn a_batch_that_does_not_fit_leaves_nothing_behind() {
    let mut refused_count = 0;
    for seed in 0..12 {
        let temp = empty_folder();
        let disk = Disk::mount(temp.path(), seed);
        let mut random = fastrand::Rng::with_seed(seed);
        let mut batches = Batches::new(seed);
        let mut expected = Expected::default();
        let mut store = Store::open(temp.path()).unwrap();
        for _ in 0..8 {
            disk.set_bytes_max(Some(disk.bytes() + random.u64(..200_000)));
            let refused = loop {
                let batch = batches.next();
                match batch.apply_to(&mut store) {
                    Ok(()) => expected = expected.with(&batch),
                    Err(error) => {
                        assert!(matches!(error, StoreError::Full { .. }), "seed {seed}: {error:?}");
                        break batch;
                    }
                }
            };
            refused_count += 1;
            // Half of the time the hub is started anew while the disk is full.
            if random.bool() {
                drop(store);
                store = Store::open(temp.path()).unwrap();
            }
            assert_eq!(Expected::load(&store).unwrap(), expected.tidied(), "seed {seed}: on the full disk");

            disk.set_bytes_max(None);
            // Reading again tidies what may have found no room, before the batch can mean other sessions by the same numbers.
            assert_eq!(Expected::load(&store).unwrap(), expected.tidied());
            refused.apply_to(&mut store).unwrap();
            expected = expected.tidied().with(&refused).tidied();
            assert_eq!(Expected::load(&store).unwrap(), expected, "seed {seed}: once there is room");
        }
        disk.unmount();
    }
    assert_eq!(refused_count, 12 * 8);
}
