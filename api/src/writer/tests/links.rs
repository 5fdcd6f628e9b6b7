//! What an append must follow.

use spice_testing::envelopes::envelope;

use super::*;
use crate::writer::append::link;

#[test]
fn an_envelope_of_another_position_is_not_the_next_link() {
    let head = ChainHead::at(&stream(), LogPosition::ZERO);
    let mut next = [0, 1].map(|position| envelope(&stream(), position, ""));
    link(&head, &mut next).unwrap();
    assert_eq!(next.map(|it| it.chain), [head.next(), None]);
    let mut other = [envelope(&stream(), 1, "")];
    let refused = link(&head, &mut other).unwrap_err();
    assert!(refused.is_damage(), "{refused}");
    assert_eq!(other[0].chain, None);
}
