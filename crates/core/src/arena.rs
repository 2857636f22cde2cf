//! Numbered places for things that come and go by the thousand, and whose room is given back when they are gone.
//!
//! What the numbers mean belongs to whoever has the arena.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::num::NonZeroU32;
use std::ops::{Index, IndexMut};

/// The number of something in an [`Arena`]; used again once it is gone.
pub(crate) type Id = NonZeroU32;

/// Things by number. The lowest free number is taken first, so that room at the end becomes free for good.
#[derive(Debug)]
pub(crate) struct Arena<T> {
    items: Vec<Option<T>>,
    free: BinaryHeap<Reverse<Id>>,
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self { items: Vec::new(), free: BinaryHeap::new() }
    }
}

fn place(id: Id) -> usize {
    id.get() as usize - 1
}

impl<T> Arena<T> {
    pub(crate) fn insert(&mut self, item: T) -> Id {
        if let Some(Reverse(id)) = self.free.pop() {
            if let Some(free) = self.items.get_mut(place(id)) {
                *free = Some(item);
                return id;
            }
            // Numbers beyond the end were given back together with their room, and all that are left are higher.
            self.free.clear();
        }
        self.items.push(Some(item));
        let number = u32::try_from(self.items.len()).ok().and_then(Id::new);
        number.expect("fewer than 2^32 things: each takes more than one byte of memory")
    }

    pub(crate) fn remove(&mut self, id: Id) -> T {
        let item = self.items[place(id)].take().expect("whoever has a number has not given it back");
        self.free.push(Reverse(id));
        while let Some(None) = self.items.last() {
            self.items.pop();
        }
        if is_sparse(self.items.len(), self.items.capacity()) {
            self.items.shrink_to(2 * self.items.len());
            self.free.retain(|Reverse(id)| place(*id) < self.items.len());
            self.free.shrink_to(2 * self.free.len());
        }
        item
    }
}

impl<T> Index<Id> for Arena<T> {
    type Output = T;

    fn index(&self, id: Id) -> &T {
        self.items[place(id)].as_ref().expect("whoever has a number has not given it back")
    }
}

impl<T> IndexMut<Id> for Arena<T> {
    fn index_mut(&mut self, id: Id) -> &mut T {
        self.items[place(id)].as_mut().expect("whoever has a number has not given it back")
    }
}

/// Whether so much room stands empty that it should be given back. Half of what is left stays for what comes next, so that
/// room is not given and taken in turns.
pub(crate) fn is_sparse(len: usize, capacity: usize) -> bool {
    const KEPT: usize = 64;
    capacity > KEPT && len < capacity / 8
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_a_map(steps in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 0..400)) {
            let mut arena = Arena::default();
            let mut model = BTreeMap::new();
            for (number, (add, which)) in steps.into_iter().enumerate() {
                if add || model.is_empty() {
                    let id = arena.insert(number);
                    prop_assert_eq!(model.insert(id, number), None, "a number is used once at a time");
                } else {
                    let id = *model.keys().nth(which.index(model.len())).unwrap();
                    prop_assert_eq!(Some(arena.remove(id)), model.remove(&id));
                }
                let highest = model.keys().last().map_or(0, |id| id.get() as usize);
                prop_assert!(model.iter().all(|(id, item)| arena[*id] == *item));
                prop_assert_eq!(arena.items.len(), highest);
            }
        }
    }

    #[test]
    fn room_is_given_back() {
        let mut arena = Arena::default();
        let ids: Vec<_> = (0..10_000).map(|number| arena.insert(number)).collect();
        ids[100..].iter().for_each(|id| {
            arena.remove(*id);
        });
        assert!(arena.items.capacity() < 2_000 && arena.free.capacity() < 2_000, "{}", arena.items.capacity());
        assert_eq!(arena[ids[99]], 99);
    }
}
