//! The queue against what it promises: an order for each topic, the newest of each value, nothing counted wrongly, no bound passed.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const TOPICS: [&str; 4] = ["a", "b", "c/d", "e"];

/// Messages are `topic number kind`, filled up to their length; numbers grow.
fn encoded(topic: usize, numbers: std::ops::Range<usize>, kind: char, length: usize) -> Encoded {
    let mut encoded = Encoded::default();
    for number in numbers {
        let text = format!("{topic} {number} {kind} ");
        encoded.bytes.extend_from_slice(format!("{text:_<length$}").as_bytes());
        encoded.marks.push(u32::try_from(encoded.bytes.len()).unwrap());
    }
    encoded
}

/// Topic, number, kind, sequence.
type Seen = (usize, usize, char, Option<u64>);

fn read(batch: &Batch) -> Vec<Seen> {
    let mut start = 0;
    let message = |length: &usize| {
        let text = std::str::from_utf8(&batch.bytes[start..start + length]).unwrap();
        start += length;
        let mut words = text.split([' ', '#']);
        let mut word = || words.next().unwrap();
        let (topic, number, kind) = (word().parse().unwrap(), word().parse().unwrap(), word().parse().unwrap());
        let sequence = text.split_once('#').map(|(_, sequence)| sequence.parse().unwrap());
        (topic, number, kind, sequence)
    };
    let seen = batch.lengths.iter().map(message).collect();
    assert_eq!(start, batch.bytes.len());
    seen
}

fn number(message: &[u8], sequence: u64, out: &mut BytesMut) {
    out.extend_from_slice(message);
    out.extend_from_slice(format!("#{sequence}").as_bytes());
}

fn take_all(queue: &mut Queue) -> (Vec<Seen>, u64) {
    let (mut seen, mut lost) = (Vec::new(), 0);
    while let Some(batch) = queue.take(64) {
        seen.extend(read(&batch));
        lost += batch.lost;
    }
    (seen, lost)
}

#[test]
fn a_client_that_keeps_up_gets_everything() {
    let mut queue = Queue::default();
    for number in 0..10 {
        assert_eq!(queue.push(&encoded(0, number..number + 1, 's', 10), "a", Kind::State, 1_000), Pushed::default());
    }
    assert_eq!(take_all(&mut queue), ((0..10).map(|number| (0, number, 's', None)).collect(), 0));
    assert_eq!((queue.bytes(), queue.len(), queue.is_empty()), (0, 0, true));
}

#[test]
fn who_is_behind_gets_the_newest_of_each_topic_in_its_turn() {
    let mut queue = Queue::default();
    let mut push = |topic: usize, number, kind, name| {
        queue.push(&encoded(topic, number..number + 1, name, 50), TOPICS[topic], kind, 2_000)
    };
    for number in 0..20 {
        assert_eq!(push(0, number, Kind::State, 's').conflated, 0);
    }
    // From here on it is behind. A value takes the place of one before, but not across a happening of its topic.
    assert_eq!(push(0, 20, Kind::State, 's').conflated, 0);
    assert_eq!(push(1, 0, Kind::State, 's').conflated, 0);
    assert_eq!(push(0, 21, Kind::State, 's').conflated, 1);
    assert_eq!(push(1, 1, Kind::Event, 'e').conflated, 0);
    assert_eq!(push(1, 2, Kind::State, 's').conflated, 0);
    assert_eq!(push(1, 3, Kind::State, 's').conflated, 1);
    let (seen, lost) = take_all(&mut queue);
    let expected = [(0, 21, 's', None), (1, 0, 's', None), (1, 1, 'e', None), (1, 3, 's', None)];
    assert_eq!((&seen[20..], lost), (&expected[..], 0));
}

#[test]
fn happenings_are_lost_when_there_is_no_room_and_that_is_told_behind_the_rest() {
    let mut queue = Queue::default();
    let mut lost = 0;
    for number in 0..40 {
        lost += queue.push(&encoded(0, number..number + 1, 'e', 100), "a", Kind::Event, 2_000).lost;
    }
    assert!(lost > 20, "{lost}");
    let (seen, told) = take_all(&mut queue);
    assert_eq!((seen.len() as u64, told), (40 - lost, lost));
    assert_eq!(queue.push(&encoded(0, 50..51, 'e', 100), "a", Kind::Event, 2_000), Pushed::default());
}

#[test]
fn one_message_may_be_larger_than_the_bound() {
    let mut queue = Queue::default();
    let large = encoded(0, 0..1, 'e', 500);
    assert_eq!(queue.push(&large, "a", Kind::Event, 100), Pushed::default());
    assert_eq!(queue.push(&large, "a", Kind::Event, 100).lost, 1);
    assert_eq!(queue.push(&large, "a", Kind::Stored, 100), Pushed::default());
    assert_eq!(take_all(&mut queue).0.len(), 2);
}

#[test]
fn what_was_not_acknowledged_comes_again_before_the_rest() {
    let mut queue = Queue::default();
    queue.keep(10_000);
    for number in 0..6 {
        queue.push_numbered(&encoded(0, number..number + 1, 'q', 20), "a", Kind::Event, self::number);
    }
    queue.push(&encoded(1, 0..1, 's', 20), "b", Kind::State, 1_000);
    let first = read(&queue.take(90).unwrap());
    assert_eq!(first.iter().map(|seen| seen.3.unwrap()).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert!(queue.acknowledge(1) && !queue.acknowledge(5));
    assert_eq!((queue.resume(5), queue.resume(2)), (None, Some(0)));
    // It goes away again while that is on its way.
    assert_eq!(read(&queue.take(1).unwrap()), [(0, 2, 'q', Some(3))]);
    assert_eq!(queue.resume(2), Some(0));
    let (seen, _) = take_all(&mut queue);
    let again = (2..6).map(|number| (0, number, 'q', Some(number as u64 + 1)));
    assert_eq!(seen, again.chain([(1, 0, 's', None)]).collect::<Vec<_>>());
    assert_eq!((queue.unacknowledged(), queue.resume(6)), (4, Some(0)));
    assert_eq!((queue.kept_bytes(), queue.unacknowledged(), queue.take(100).is_none()), (0, 0, true));
}

#[test]
fn what_was_sent_longest_ago_is_forgotten_and_the_loss_is_known() {
    let mut queue = Queue::default();
    queue.keep(1_000);
    let push = |queue: &mut Queue| queue.push_numbered(&encoded(0, 0..1, 'q', 72), "a", Kind::Event, number).lost;
    assert_eq!((0..10).map(|_| push(&mut queue)).sum::<u64>(), 6, "nothing was sent yet, so the newest are lost");
    let (seen, told) = take_all(&mut queue);
    assert_eq!((seen.len(), told), (4, 6));
    assert_eq!((push(&mut queue), push(&mut queue)), (0, 0));
    assert_eq!(queue.resume(1), Some(1), "number 2 is gone");
    let numbers: Vec<_> = take_all(&mut queue).0.into_iter().map(|seen| seen.3.unwrap()).collect();
    assert_eq!(numbers, [3, 4, 5, 6]);
}

#[test]
fn stored_messages_wait_while_half_is_not_sent_and_always_find_room() {
    let mut queue = Queue::default();
    queue.keep(1_000);
    let push =
        |queue: &mut Queue, length| queue.push_numbered(&encoded(0, 0..1, 'q', length), "a", Kind::Stored, number).lost;
    assert_eq!((push(&mut queue, 300), queue.is_congested(10_000)), (0, false));
    assert_eq!((push(&mut queue, 2_000), queue.is_congested(10_000)), (0, true));
    assert_eq!(take_all(&mut queue).0.len(), 2);
    assert!(!queue.is_congested(10_000));
    assert_eq!(queue.resume(1), Some(0));
    assert!(queue.is_congested(10_000), "it is to be sent again");
}

#[derive(Clone, Debug)]
enum Step {
    Push {
        topic: usize,
        len: usize,
        kind: Kind,
        length: usize,
    },
    PushNumbered {
        topic: usize,
        len: usize,
        length: usize,
    },
    Take(usize),
    Acknowledge,
    /// The client saw so many messages less than were taken.
    Resume(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let kind = prop::sample::select(vec![Kind::State, Kind::State, Kind::Event]);
    let push = (0..TOPICS.len(), 1..4_usize, kind, 12..200_usize).prop_map(|(topic, len, kind, length)| Step::Push {
        topic,
        len,
        kind,
        length,
    });
    let numbered = (0..TOPICS.len(), 1..4_usize, 12..200_usize).prop_map(|(topic, len, length)| Step::PushNumbered {
        topic,
        len,
        length,
    });
    let take = (1..500_usize).prop_map(Step::Take);
    let resume = (0..20_usize).prop_map(Step::Resume);
    let step = prop_oneof![6 => push, 3 => numbered, 2 => take, 1 => Just(Step::Acknowledge), 1 => resume];
    prop::collection::vec(step, 0..120)
}

/// What the client has, in order, and what was said of the rest.
#[derive(Default)]
struct Client {
    seen: Vec<Seen>,
    told: u64,
}

impl Client {
    fn take(&mut self, queue: &mut Queue, bytes_max: usize) -> bool {
        let Some(batch) = queue.take(bytes_max) else { return false };
        self.seen.extend(read(&batch));
        self.told += batch.lost;
        true
    }

    fn last_number(&self) -> u64 {
        self.seen.iter().filter_map(|seen| seen.3).max().unwrap_or(0)
    }
}

proptest! {
    #[test]
    fn it_keeps_what_it_promises(steps in steps()) {
        const BYTES_MAX: usize = 1_500;
        const KEPT_MAX: usize = 3_000;
        let mut queue = Queue::default();
        queue.keep(KEPT_MAX);
        let mut client = Client::default();
        let (mut next, mut pushed, mut sum) = ([0; TOPICS.len()], Vec::new(), Pushed::default());
        // How much of what it saw the client will always know of, as it said so.
        let (mut forgotten, mut known) = (0, 0);
        for step in steps {
            match step {
                Step::Push { topic, len, kind, length } => {
                    let numbers = next[topic]..next[topic] + len;
                    next[topic] += len;
                    let name = if kind == Kind::Event { 'e' } else { 's' };
                    pushed.extend(numbers.clone().map(|number| (topic, number, name)));
                    let result = queue.push(&encoded(topic, numbers, name, length), TOPICS[topic], kind, BYTES_MAX);
                    sum.lost += result.lost;
                    sum.conflated += result.conflated;
                }
                Step::PushNumbered { topic, len, length } => {
                    let numbers = next[topic]..next[topic] + len;
                    next[topic] += len;
                    pushed.extend(numbers.clone().map(|number| (topic, number, 'q')));
                    sum.lost += queue.push_numbered(&encoded(topic, numbers, 'q', length), TOPICS[topic], Kind::Event, number).lost;
                }
                Step::Take(bytes_max) => {
                    client.take(&mut queue, bytes_max);
                }
                Step::Acknowledge => {
                    prop_assert!(queue.acknowledge(client.last_number()));
                    known = client.seen.len();
                }
                Step::Resume(missed) => {
                    // What was on its way is not seen; of that, only numbered messages come again.
                    let kept = client.seen.len().saturating_sub(missed).max(known);
                    let gone = client.seen.split_off(kept);
                    forgotten += gone.iter().filter(|seen| seen.3.is_none()).count();
                    let last = client.last_number();
                    let lost = queue.resume(last);
                    prop_assert!(lost.is_some());
                    forgotten += lost.unwrap_or(0) as usize;
                    // They are behind `last` for good.
                    if let Some(lost) = lost && lost > 0 {
                        client.seen.push((0, 0, 'x', Some(last + lost)));
                    }
                    known = client.seen.len();
                }
            }
            prop_assert!(queue.waiting_bytes() <= BYTES_MAX.max(200), "{}", queue.waiting_bytes());
            prop_assert!(queue.kept_bytes() <= KEPT_MAX);
        }
        while client.take(&mut queue, 200) {}
        client.seen.retain(|seen| seen.2 != 'x');
        prop_assert!(queue.is_empty() && queue.bytes() == 0 && queue.waiting_bytes() == 0);
        prop_assert_eq!(client.told, sum.lost);
        prop_assert_eq!(pushed.len(), client.seen.len() + sum.lost as usize + sum.conflated as usize + forgotten);
        let numbers: Vec<_> = client.seen.iter().filter_map(|seen| seen.3).collect();
        prop_assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
        let mut last: HashMap<usize, usize> = HashMap::new();
        for (topic, number, ..) in &client.seen {
            prop_assert!(last.insert(*topic, *number).is_none_or(|before| before < *number), "the order of a topic");
        }
        // Only values are replaced, and the last of a topic never is.
        if sum.lost == 0 && forgotten == 0 {
            for (topic, number, kind) in pushed {
                let is_seen = client.seen.iter().any(|seen| (seen.0, seen.1) == (topic, number));
                prop_assert!(is_seen || (kind == 's' && number + 1 < next[topic]), "{topic} {number} {kind}");
            }
        }
    }
}
